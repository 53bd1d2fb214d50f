/* SPDX-License-Identifier: MIT */
/* Where sessions begin and end. */
#ifndef SSLC_PROBES_LIFETIMES_H
#define SSLC_PROBES_LIFETIMES_H

#include "calls.h"

CHECKED_ALONE int make_session(u64 object, u32 library, const struct caller *caller) {
  struct probe_session_key key = key_of(object);
  struct probe_session fresh = { 0 };
  if (object == 0 || !caller) return 0;
  fresh.library = (u16)library;
  /* What else it is, the first call that passes bytes shows. */
  if (mapped_at(place_of(caller)) == MAPPED_HOOK) fresh.teller = PROBE_BY_HOOK;
  struct probe_session *old = bpf_map_lookup_elem(&sessions, &key);
  if (old) tell_close(old, 0);
  bpf_map_update_elem(&sessions, &key, &fresh, 0);
  return 0;
}

/* The session that a call has put where its first argument says. */
INLINE void make_session_at(struct pt_regs *registers, u32 library, const struct caller *caller) {
  struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  struct frame *frame = thread ? end_frame(thread, STACK(registers)) : 0;
  u64 object = 0;
  if (!frame || (s32)RESULT(registers) != 0) return;
  if (bpf_probe_read_user(&object, sizeof object, (void *)frame->session) != 0) return;
  make_session(object, library, caller);
}

INLINE void end_flow(const struct probe_session_key *key, struct probe_session *session) {
  u32 number = session->library;
  struct probe_library *library = bpf_map_lookup_elem(&libraries, &number);
  u32 is_closed = library ? read_word(key->session, library->shutdown, 0) & SHUTDOWN_MASK : 0;
  tell_close(session, session->closing || is_closed);
}

INLINE void free_session(const struct probe_session_key *key, struct probe_session *session) {
  if (session->references > 0) {
    session->references--;
    return;
  }
  end_flow(key, session);
  if (session->flow != 0) {
    session->over_ns = bpf_ktime_get_ns();
    bpf_map_update_elem(&over, key, session, 0);
  }
  bpf_map_delete_elem(&sessions, key);
}

INLINE void clear_session(const struct probe_session_key *key, struct probe_session *session) {
  end_flow(key, session);
  session->flow = 0;
  session->sent = session->received = 0;
  forget_ahead(session);
  session->socket = 0;
  session->late = session->inherited = session->closing = session->has_ends = session->by_hello = 0;
}

#endif
