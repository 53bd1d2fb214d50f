/* SPDX-License-Identifier: MIT */
/* Whose code a program has at an address: calls of the hook, and of NSS's TLS, are known by it. */
#ifndef SSLC_PROBES_MAPPED_H
#define SSLC_PROBES_MAPPED_H

#include "maps.h"

/* Eight characters as the word that they are in memory. */
#define WORD(a, b, c, d, e, f, g, h)                                                                     \
  ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 |        \
   (u64)(g) << 48 | (u64)(h) << 56)

/* "libsslcollector_hook.so" and the byte that ends it. */
INLINE int is_hook_name(const u64 *name) {
  return name[0] == WORD('l', 'i', 'b', 's', 's', 'l', 'c', 'o') &&
         name[1] == WORD('l', 'l', 'e', 'c', 't', 'o', 'r', '_') &&
         name[2] == WORD('h', 'o', 'o', 'k', '.', 's', 'o', 0);
}

/* "libssl3.so" and the byte that ends it. */
INLINE int is_nss_name(const u64 *name) {
  return name[0] == WORD('l', 'i', 'b', 's', 's', 'l', '3', '.') && (name[1] & 0xffffff) == WORD('s', 'o', 0, 0, 0, 0, 0, 0);
}

/* MAPPED_UNKNOWN: another thread is changing the program's mappings. */
enum mapped { MAPPED_OTHER = 0, MAPPED_HOOK = 1, MAPPED_NSS = 2, MAPPED_UNKNOWN = 3 };
#define EBUSY 16

static long look_at_mapping(UNUSED struct task_struct *task, struct vm_area_struct *area, u64 *mapped) {
  u64 name[4] = { 0 };
  struct file *file = FIELD(area, vm_file);
  if (!file) return 0;
  bpf_probe_read_kernel_str(name, sizeof name, FIELD(FIELD(file, f_path.dentry), d_name.name));
  *mapped = is_hook_name(name) ? MAPPED_HOOK : is_nss_name(name) ? MAPPED_NSS : MAPPED_OTHER;
  return 0;
}

/* Whose code the running program has at an address; where that cannot be seen now, what was seen there before. */
INLINE u64 mapped_at(u64 address) {
  struct task_struct *task = bpf_get_current_task_btf();
  u64 mapped = MAPPED_OTHER;
  long failure = bpf_find_vma(task, address, look_at_mapping, &mapped, 0);
  struct place_key key = { (u64)FIELD(task, mm), address };
  u64 *known = bpf_map_lookup_elem(&places, &key);
  if (failure == -EBUSY) return known ? *known : MAPPED_UNKNOWN;
  if (!known || *known != mapped) bpf_map_update_elem(&places, &key, &mapped, 0);
  return mapped;
}

/* Where a call came from: where its thread is once it has returned, and before that, what stands on its stack. */
struct caller {
  u64 place; /* 0: it has not returned */
  u64 stack; /* where the stack pointer is when it has */
};

/* Where the call came from: what calls of the hook pass, the hook tells. */
INLINE u64 place_of(const struct caller *from) {
  u64 place = from->place;
  if (place == 0) bpf_probe_read_user(&place, sizeof place, (void *)(from->stack - sizeof place));
  return place;
}

INLINE u8 teller_of(u64 mapped) {
  return mapped == MAPPED_UNKNOWN ? PROBE_UNDECIDED : mapped == MAPPED_HOOK ? PROBE_BY_HOOK : PROBE_BY_PROBES;
}

#endif
