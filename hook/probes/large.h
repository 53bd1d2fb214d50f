/* SPDX-License-Identifier: MIT */
/*
 * Calls that send more than one record carries, whose bytes are told while they leave: so they come as they go, need no room in the ring all
 * together, and are told also if the call fails then and is not made again.
 */
#ifndef SSLC_PROBES_LARGE_H
#define SSLC_PROBES_LARGE_H

#include "sessions.h"

/* What a record adds to a whole piece, if the kernel does not encrypt it; smaller ones add of so many bytes one, at most. */
#define RECORD_ADDS_LEAST 21
#define RECORD_ADDS_MOST 128
#define SMALL_RECORDS_ADD 6

/* Counts what the call's socket took. Most records carry a whole piece. */
INLINE void count_left(struct probe_session *session, u64 taken) {
  taken += session->record;
  session->record = 0;
  if (taken < PROBE_PIECE_MAX + RECORD_ADDS_LEAST && taken != PROBE_PIECE_MAX) {
    session->record = (u16)taken;
  } else if (taken <= PROBE_PIECE_MAX + RECORD_ADDS_MOST) {
    session->least += PROBE_PIECE_MAX;
    session->most += PROBE_PIECE_MAX;
  } else {
    session->least += (u32)(taken - taken / SMALL_RECORDS_ADD);
    session->most += (u32)taken;
  }
}

/* So many pieces are looked at in one go: libraries send less at a time, and the thread of a program that sends more must not be busy for long. */
#define LOOK_MAX 64

/* Looks at what the socket may take next of a huge call. */
CHECKED_ALONE int look_ahead(const struct frame *frame, const struct probe_session_key *key, struct probe_session *session) {
  if (!frame || !key || !session || !is_huge(frame)) return 0;
  u64 to = (u64)session->most + PROBE_PIECE_MAX;
  if (session->looked < session->ahead) session->looked = session->ahead;
  if (to <= session->looked) return 0;
  struct looking looking = { { key->session, key->pid, session->looked }, frame->buffer, frame->size };
  u64 pieces = (to - session->looked + PROBE_PIECE_MAX - 1) / PROBE_PIECE_MAX;
  bpf_loop(pieces < LOOK_MAX ? (u32)pieces : LOOK_MAX, look_at_next, &looking, 0);
  session->looked = looking.key.at;
  return 0;
}

/* A function of its own for what it takes of the stack. */
CHECKED_ALONE int decide_and_look(const struct probe_session_key *key, const struct frame *frame, const struct caller *caller) {
  if (!key || !frame || !caller) return 0;
  struct probe_session *session = bpf_map_lookup_elem(&sessions, key);
  if (session) session = decide(key, session, frame, caller);
  if (session && session->teller != PROBE_BY_HOOK) look_ahead(frame, key, session);
  return 0;
}

CHECKED_ALONE int begin_large(const struct frame *frame, u64 place) {
  if (!frame) return 0;
  struct caller caller = { place, frame->stack };
  struct probe_session_key key = key_of(frame->session);
  if (session_of(&key, frame->library)) decide_and_look(&key, frame, &caller);
  return 0;
}

/* The call's socket has taken so many bytes more: tells whole pieces that have left. */
CHECKED_ALONE int tell_ahead(struct frame *frame, u64 taken) {
  if (!frame) return 0;
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (!session || session->teller == PROBE_BY_HOOK) return 0;
  count_left(session, taken);
  u64 ahead = session->ahead, buffer = frame->buffer;
  u64 left = session->least < frame->size ? session->least : frame->size;
  if (session->teller == PROBE_BY_PROBES && left >= ahead + PROBE_PIECE_MAX) {
    u64 whole = (left - ahead) / PROBE_PIECE_MAX * PROBE_PIECE_MAX;
    struct caller nobody = { 0, frame->stack };
    frame->at = ahead;
    frame->buffer = buffer + ahead;
    frame->time_ns = bpf_ktime_get_ns();
    tell_call(frame, whole, &nobody);
    frame->buffer = buffer;
    session->ahead = (u32)(ahead + whole);
  }
  look_ahead(frame, &key, session);
  return 0;
}

/* A call whose socket brings something shakes hands first: what that took before was none of its bytes. */
CHECKED_ALONE int forget_handshake(const struct frame *frame) {
  if (!frame) return 0;
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (session) session->record = 0;
  return 0;
}

/* Tells what is left to be told of so many bytes that a large call, or several that bring the same bytes again, has passed. */
INLINE void end_large(struct frame *frame, u64 length, const struct caller *caller) {
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (length == 0) return;
  u64 known = !session ? 0 : length < session->ahead ? length : session->ahead;
  frame->at = known;
  frame->buffer += known;
  if (length > known) tell_call(frame, length - known, caller);
  /* It may be over with that, or begun anew over another connection. */
  session = bpf_map_lookup_elem(&sessions, &key);
  if (!session) return;
  u32 left = session->ahead > known ? session->ahead - (u32)known : 0;
  forget_ahead(session);
  session->ahead = left;
}

#endif
