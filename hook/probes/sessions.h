/* SPDX-License-Identifier: MIT */
/* Sessions, and the bytes that calls pass for them. */
#ifndef SSLC_PROBES_SESSIONS_H
#define SSLC_PROBES_SESSIONS_H

#include "layers.h"
#include "pieces.h"
#include "untold.h"

/* Of the process that runs. */
INLINE struct probe_session_key key_of(u64 session) {
  struct probe_session_key key = { session, (u32)(bpf_get_current_pid_tgid() >> 32), 0 };
  return key;
}

/* A child may be the first of its line that uses a session since a process so many generations above. */
#define GENERATIONS 4

/* What the process had of a session when it was forked; 0: nothing that is known. */
INLINE struct probe_session *session_at_birth(const struct probe_session_key *key) {
  struct probe_session_key of_parent = *key;
#pragma unroll
  for (u32 generation = 0; generation < GENERATIONS; generation++) {
    struct birth *birth = bpf_map_lookup_elem(&births, &of_parent.pid);
    if (!birth) return 0;
    of_parent.pid = birth->parent;
    struct probe_session *session = bpf_map_lookup_elem(&sessions, &of_parent);
    if (session) return session;
    session = bpf_map_lookup_elem(&over, &of_parent);
    if (session && session->over_ns > birth->time_ns) return session;
  }
  return 0;
}

/* A child goes on with what its parent had, from where that is. */
INLINE void inherit(const struct probe_session_key *key, struct probe_session *session) {
  struct probe_session *parent = session_at_birth(key);
  if (!parent || parent->library != session->library) return;
  session->sent = parent->sent;
  session->received = parent->received;
  session->ends = parent->ends;
  session->has_ends = parent->has_ends;
  session->socket = parent->socket;
  session->by_hello = parent->by_hello;
  session->teller = parent->teller;
  __builtin_memcpy(session->top, parent->top, sizeof session->top);
  session->secret = parent->secret;
  session->late = parent->late;
  session->inherited = parent->flow != 0;
}

/* Gives a session a place that was met first in the middle. A function of its own for what it takes of the stack. */
CHECKED_ALONE int place_session(const struct probe_session_key *key, u32 library) {
  struct probe_session fresh = { 0 };
  if (!key) return 0;
  fresh.library = (u16)library;
  fresh.late = 1;
  inherit(key, &fresh);
  bpf_map_update_elem(&sessions, key, &fresh, BPF_NOEXIST);
  return 0;
}

INLINE struct probe_session *session_of(const struct probe_session_key *key, u32 library) {
  struct probe_session *session = bpf_map_lookup_elem(&sessions, key);
  if (session) return session;
  place_session(key, library);
  return bpf_map_lookup_elem(&sessions, key);
}

/* What was noted of a call that has not passed all its bytes is over. */
INLINE void forget_ahead(struct probe_session *session) {
  session->ahead = session->least = session->most = session->record = session->looked = 0;
}

/* A session whose bytes go over another connection than before is another one at the same place. */
INLINE void take_ends(struct probe_session *session, const struct frame *frame) {
  if (frame->sockets != 1 || session->by_hello || (session->has_ends && same_ends(&session->ends, &frame->ends))) return;
  if (session->has_ends) {
    tell_close(session, 0);
    session->flow = 0;
    session->sent = session->received = 0;
    forget_ahead(session);
    session->inherited = 0;
  }
  session->ends = frame->ends;
  session->socket = frame->socket;
  session->has_ends = 1;
  session->ends_told = 0;
}

/* Begins the flow of a session, or tells its addresses; whether the flow is open. */
INLINE int open_flow(const struct probe_session_key *key, struct probe_session *session, struct probe_books *books, u64 time_ns) {
  if (session->flow == 0) {
    session->flow = __sync_fetch_and_add(&books->next_flow, 1) + 1;
    if (!tell_open(key, session, time_ns, 0)) {
      session->flow = 0;
      return 0;
    }
    session->ends_told = session->has_ends;
  } else if (session->has_ends && !session->ends_told) {
    session->ends_told = (u8)tell_open(key, session, time_ns, 1);
  }
  return 1;
}

/* The session, with who tells it decided as far as it can be; 0: it is over. */
INLINE struct probe_session *decide(const struct probe_session_key *key, struct probe_session *session, const struct frame *frame,
                                    const struct caller *caller) {
  if (session->teller != PROBE_UNDECIDED) return session;
  if (!frame->layered) {
    session->caller = place_of(caller);
    session->teller = teller_of(mapped_at(session->caller));
    return session;
  }
  decide_layer(key, session);
  return bpf_map_lookup_elem(&sessions, key);
}

CHECKED_ALONE int tell_call(const struct frame *frame, u64 length, const struct caller *caller) {
  if (!frame || !caller) return 0;
  struct probe_session_key key = key_of(frame->session);
  struct probe_books *books = the_books();
  if (!books) return 0;
  count(&books->passed, length);
  struct probe_session *session = session_of(&key, frame->library);
  if (session) session = decide(&key, session, frame, caller);
  if (!session) {
    count(&books->untracked, 1);
    count(&books->lost, length);
    lose_untold(&key, PROBE_NO_PLACE, frame->way == PROBE_RECEIVED, length);
    return 0;
  }
  if (session->teller == PROBE_BY_HOOK) {
    count(&books->skipped, length);
    return 0;
  }
  take_ends(session, frame);
  u32 way = frame->way & 1;
  u64 offset = way == PROBE_RECEIVED ? session->received : session->sent;
  struct telling telling = { session->flow, frame->buffer, length, offset, frame->time_ns, 0, 0, way, 0, { 0 } };
  if (way == PROBE_RECEIVED) telling.time_ns = bpf_ktime_get_ns();
  /* What is told twice is worse than what is lost. */
  u32 is_layer = session->teller == PROBE_UNDECIDED && frame->layered;
  if (is_layer || !open_flow(&key, session, books, telling.time_ns)) {
    lose_unopened(&key, session, way | is_layer << 1, length);
  } else {
    telling.flow = session->flow;
    u32 pieces = (u32)((length + PROBE_PIECE_MAX - 1) / PROBE_PIECE_MAX);
    if (is_huge(frame) && (session->most | session->record) != 0) {
      telling.looked = session->looked;
      telling.piece = (struct piece_key){ key.session, key.pid, (u32)frame->at };
      bpf_loop(pieces, tell_next_if_unchanged, &telling, 0);
    } else {
      bpf_loop(pieces, tell_piece, &telling, 0);
    }
  }
  if (way == PROBE_RECEIVED) session->received = offset + length;
  else session->sent = offset + length;
  count(&books->told, telling.told);
  if (telling.told < length) count(&books->lost, length - telling.told);
  if (telling.unread > 0) count(&books->unread, telling.unread);
  return 0;
}

#endif
