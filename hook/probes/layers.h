/* SPDX-License-Identifier: MIT */
/*
 * NSPR's descriptors are stacks of layers, of which NSS's TLS is one. A session is known by the descriptor that the program has, and
 * is over when that has other layers.
 */
#ifndef SSLC_PROBES_LAYERS_H
#define SSLC_PROBES_LAYERS_H

#include "mapped.h"
#include "telling.h"

/* How a PRFileDesc begins. */
struct layer {
  u64 methods;
  u64 secret;
  u64 lower;
};

/* PRIOMethods has its type, the method that closes and the one that reads. */
#define NSPR_READS_AT 16
#define LAYERS_MAX 4

/* The uppermost layer of TLS in a stack. */
struct tls_layer {
  u64 mapped; /* whose code reads from it: MAPPED_NSS, or MAPPED_HOOK where the hook is in between; MAPPED_OTHER: there is none */
  u64 secret;
};

INLINE void find_tls_layer(u64 descriptor, struct tls_layer *found) {
  found->mapped = MAPPED_OTHER;
#pragma unroll
  for (u32 i = 0; i < LAYERS_MAX; i++) {
    struct layer layer;
    u64 reads;
    if (descriptor == 0 || bpf_probe_read_user(&layer, sizeof layer, (void *)descriptor) != 0) return;
    if (bpf_probe_read_user(&reads, sizeof reads, (void *)(layer.methods + NSPR_READS_AT)) != 0) return;
    found->mapped = mapped_at(reads);
    found->secret = layer.secret;
    if (found->mapped != MAPPED_OTHER) return;
    descriptor = layer.lower;
  }
}

INLINE int has_same_top(const struct probe_session *session, const u64 *top) {
  return session->top[0] == top[0] && session->top[1] == top[1];
}

INLINE void end_layer(const struct probe_session_key *key, struct probe_session *session) {
  tell_close(session, 0);
  bpf_map_delete_elem(&sessions, key);
}

/* Decides who tells the session of a descriptor, as far as the kernel says; the session is over where the descriptor has another one, or none. */
CHECKED_ALONE int decide_layer(const struct probe_session_key *key, struct probe_session *session) {
  struct tls_layer found;
  u64 top[2];
  if (!key || !session) return 0;
  if (bpf_probe_read_user(top, sizeof top, (void *)key->session) != 0) return 0;
  if (session->teller != PROBE_UNDECIDED && has_same_top(session, top)) return 0;
  find_tls_layer(key->session, &found);
  session->teller = teller_of(found.mapped);
  if (found.mapped == MAPPED_UNKNOWN) return 0;
  if (found.mapped == MAPPED_OTHER || (session->secret != 0 && session->secret != found.secret)) {
    end_layer(key, session);
    return 0;
  }
  __builtin_memcpy(session->top, top, sizeof top);
  session->secret = found.secret;
  if (session->teller == PROBE_BY_HOOK) {
    tell_close(session, 0);
    session->flow = 0;
  }
  return 0;
}

/* Whether what passes a descriptor may be clear text of NSS's that nobody else tells. */
INLINE int is_told_layer(const struct probe_session_key *key) {
  struct probe_session *session = bpf_map_lookup_elem(&sessions, key);
  struct tls_layer found;
  if (session) decide_layer(key, session);
  session = bpf_map_lookup_elem(&sessions, key);
  if (session) return session->teller != PROBE_BY_HOOK;
  find_tls_layer(key->session, &found);
  return found.mapped == MAPPED_NSS;
}

#endif
