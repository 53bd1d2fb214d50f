/* SPDX-License-Identifier: MIT */
/*
 * What the probes use of the kernel: helpers by their stable numbers (linux/bpf.h), and of its structures the fields that
 * are read, which the kernel finds by name when it loads the probes (BPF CO-RE).
 */
#ifndef SSLC_PROBES_KERNEL_H
#define SSLC_PROBES_KERNEL_H

#include "record.h"

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
/* A function that the kernel looks through once, for all values that its arguments may have: pointers may be null. */
#define CHECKED_ALONE __attribute__((noinline))
#define UNUSED __attribute__((unused))

#define BPF_NOEXIST 1
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

enum bpf_map_type {
  MAP_HASH = 1,
  MAP_ARRAY = 2,
  MAP_PER_CPU_ARRAY = 6,
  MAP_LRU_HASH = 9,
  MAP_RINGBUF = 27,
  MAP_TASK_STORAGE = 29
};
#define MAP_NO_PREALLOC 1

/* A map as the loader makes it: net/capture/uprobes/loader.ts reads this. */
struct map_definition {
  u32 type;
  u32 key_size;
  u32 value_size;
  u32 max_entries;
  u32 flags;
};
#define MAP(name, ...) struct map_definition SECTION("maps") name = { __VA_ARGS__ }

/* linux/bpf.h: the beginning of what a program at a control group's packets is given. */
struct __sk_buff {
  u32 len;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
  u8 bytes[16];
};
struct sock_common {
  u32 skc_daddr;
  u32 skc_rcv_saddr;
  u16 skc_dport;
  u16 skc_num;
  u16 skc_family;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  u16 sk_protocol;
};
struct ns_common {
  u32 inum;
};
struct net {
  struct ns_common ns;
};
struct nsproxy {
  struct net *net_ns;
};
struct mm_struct;
struct task_struct {
  s32 tgid;
  struct mm_struct *mm;
  u64 start_time;
  struct task_struct *group_leader;
  struct task_struct *real_parent;
  struct nsproxy *nsproxy;
};
struct qstr {
  const u8 *name;
};
struct dentry {
  struct qstr d_name;
};
struct path {
  struct dentry *dentry;
};
struct file {
  struct path f_path;
};
struct vm_area_struct {
  struct file *vm_file;
};

#pragma clang attribute pop

/* asm/ptrace.h: what a program's registers are saved as, which no kernel may change. */
#if defined(__TARGET_x86)
struct pt_regs {
  u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
};
#define ARGUMENT_1(registers) ((registers)->rdi)
#define ARGUMENT_2(registers) ((registers)->rsi)
#define ARGUMENT_3(registers) ((registers)->rdx)
#define ARGUMENT_4(registers) ((registers)->rcx)
#define RESULT(registers) ((registers)->rax)
#define STACK(registers) ((registers)->rsp)
#define PLACE(registers) ((registers)->rip)
/* Where a function that begins returns to; 0: that is on the stack. */
#define RETURN_PLACE(registers) 0
/* Go has a convention of its own. */
#define GOROUTINE(registers) ((registers)->r14)
#define GO_ARGUMENT_1(registers) ((registers)->rax)
#define GO_ARGUMENT_2(registers) ((registers)->rbx)
#define GO_ARGUMENT_3(registers) ((registers)->rcx)
#elif defined(__TARGET_arm64)
struct pt_regs {
  u64 regs[31], sp, pc, pstate;
};
#define ARGUMENT_1(registers) ((registers)->regs[0])
#define ARGUMENT_2(registers) ((registers)->regs[1])
#define ARGUMENT_3(registers) ((registers)->regs[2])
#define ARGUMENT_4(registers) ((registers)->regs[3])
#define RESULT(registers) ((registers)->regs[0])
#define STACK(registers) ((registers)->sp)
#define PLACE(registers) ((registers)->pc)
#define RETURN_PLACE(registers) ((registers)->regs[30])
#define GOROUTINE(registers) ((registers)->regs[28])
#define GO_ARGUMENT_1(registers) ((registers)->regs[0])
#define GO_ARGUMENT_2(registers) ((registers)->regs[1])
#define GO_ARGUMENT_3(registers) ((registers)->regs[2])
#else
#error "no target"
#endif

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static u64 (*const bpf_get_current_uid_gid)(void) = (void *)15;
static long (*const bpf_get_current_comm)(void *to, u32 size) = (void *)16;
static long (*const bpf_skb_load_bytes)(const struct __sk_buff *packet, u32 offset, void *to, u32 size) = (void *)26;
static long (*const bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const bpf_probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static void *(*const bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *record, u64 flags) = (void *)132;
static void (*const bpf_ringbuf_discard)(void *record, u64 flags) = (void *)133;
static void *(*const bpf_task_storage_get)(void *map, void *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static u64 (*const bpf_get_attach_cookie)(void *context) = (void *)174;
static u64 (*const bpf_get_socket_cookie)(const void *context) = (void *)46;
static struct pt_regs *(*const bpf_task_pt_regs)(struct task_struct *task) = (void *)175;
static long (*const bpf_find_vma)(struct task_struct *task, u64 address, void *found, void *context,
                                  u64 flags) = (void *)180;
static long (*const bpf_loop)(u32 count, void *body, void *context, u64 flags) = (void *)181;

/*
 * A field that is a pointer, or of what such a field points to; 0 where that cannot be read. For each plain read of a pointer out of its
 * structures the kernel searches all its types, for milliseconds, while it looks a program through.
 */
#define FIELD(pointer, field)                                               \
  ({                                                                        \
    typeof((pointer)->field) value = 0;                                     \
    bpf_probe_read_kernel(&value, sizeof value, &(pointer)->field);         \
    value;                                                                  \
  })

#endif
