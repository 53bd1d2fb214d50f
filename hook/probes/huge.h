/* SPDX-License-Identifier: MIT */
/* Calls that send much at once, whose bytes are told while they leave: so they come as they go, and need no room in the ring all together. */
#ifndef SSLC_PROBES_HUGE_H
#define SSLC_PROBES_HUGE_H

#include "sessions.h"

#define HUGE_BYTES (1 << 20)
/* The session's own bytes are behind those that its socket took, by a handshake in the same call, and what records add to them. */
#define HUGE_BEHIND (64 << 10)
#define HUGE_ADDED 16 /* of so many bytes, one */

INLINE int is_huge(const struct frame *frame) {
  return frame->size > HUGE_BYTES && frame->way == PROBE_SENT && !frame->keeps && !frame->parts && !frame->quiet && frame->buffer != 0;
}

/* Of a huge call's bytes, those that have left for certain, whole pieces of them. */
INLINE u64 left_of(const struct frame *frame) {
  if (frame->left <= HUGE_BEHIND) return 0;
  u64 left = frame->left - HUGE_BEHIND;
  left = frame->begun_at + left - left / HUGE_ADDED;
  return (left < frame->size ? left : frame->size) / PROBE_PIECE_MAX * PROBE_PIECE_MAX;
}

/* The call's socket has taken so many bytes more. */
CHECKED_ALONE int tell_ahead(struct frame *frame, u64 taken) {
  if (!frame) return 0;
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (!session || session->teller != PROBE_BY_PROBES) return 0;
  if (frame->left == 0) frame->begun_at = session->ahead;
  frame->left += taken;
  u64 ahead = session->ahead, left = left_of(frame), buffer = frame->buffer;
  if (left <= ahead) return 0;
  struct caller nobody = { 0, frame->stack };
  frame->buffer = buffer + ahead;
  frame->time_ns = bpf_ktime_get_ns();
  tell_call(frame, left - ahead, &nobody);
  frame->buffer = buffer;
  session->ahead = (u32)left;
  return 0;
}

/* What is still to be told of so many bytes that a huge call, or several that bring the same bytes again, has passed. Moves its buffer there. */
INLINE u64 left_to_tell(struct frame *frame, u64 length) {
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (!session || length == 0) return length;
  u64 known = length < session->ahead ? length : session->ahead;
  session->ahead -= (u32)known;
  frame->buffer += known;
  return length - known;
}

#endif
