/* SPDX-License-Identifier: MIT */
/* Calls of Go, which goroutines are in. */
#ifndef SSLC_PROBES_GO_H
#define SSLC_PROBES_GO_H

#include "lifetimes.h"
#include "sockets.h"

INLINE void begin_go_call(struct pt_regs *registers, u64 cookie) {
  struct probe_go_key key = go_key_of(GOROUTINE(registers));
  struct frame frame = { 0 };
  frame.session = GO_ARGUMENT_1(registers);
  frame.buffer = GO_ARGUMENT_2(registers);
  frame.size = GO_ARGUMENT_3(registers);
  frame.time_ns = bpf_ktime_get_ns();
  frame.library = PROBE_LIBRARY(cookie);
  frame.way = cookie & PROBE_READS ? PROBE_RECEIVED : PROBE_SENT;
  struct probe_books *books = the_books();
  if (!books) return;
  count(&books->go_calls, 1);
  if (bpf_map_update_elem(&go_calls, &key, &frame, 0) != 0) count(&books->untracked, 1);
}

/* A call that fails may have passed bytes all the same, whose number it answers too. */
INLINE void end_go_call(struct pt_regs *registers) {
  struct probe_go_key key = go_key_of(GOROUTINE(registers));
  struct frame *frame = bpf_map_lookup_elem(&go_calls, &key);
  if (!frame) return;
  u64 length = RESULT(registers);
  struct caller caller = { PLACE(registers), 0 };
  if (length > 0 && length <= frame->size) tell_call(frame, length, &caller);
  bpf_map_delete_elem(&go_calls, &key);
}

INLINE void begin_go_function(struct pt_regs *registers, u64 cookie) {
  u32 function = cookie & PROBE_FUNCTION_MASK;
  struct caller caller = { PLACE(registers), 0 };
  if (function == PROBE_CALL) begin_go_call(registers, cookie);
  if (function == PROBE_MADE) make_session(GO_ARGUMENT_1(registers), PROBE_LIBRARY(cookie), &caller);
  if (function != PROBE_FREED) return;
  struct probe_session_key key = key_of(GO_ARGUMENT_1(registers));
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (!session) return;
  session->closing = 1;
  free_session(&key, session);
}

#endif
