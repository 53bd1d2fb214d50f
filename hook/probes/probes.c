/* SPDX-License-Identifier: MIT */
/*
 * Probes at the calls of TLS libraries, run by the kernel: the clear text of a call is copied into the ring when it returns,
 * and the socket that its thread used meanwhile gives the session's addresses. Programs are only read.
 *
 * A session is known by its process and the address of its object, from the library's function that makes it, or the first
 * call that passes bytes, to the one that frees it.
 */
#include "kernel.h"
#include "go.h"
#include "hellos.h"

/* The kernel lets programs under this licence use its helpers for tracing; the source may also be used under MIT alone. */
const char license_text[] SECTION("license") = "Dual MIT/GPL";

/* ---- Programs that begin ---- */

SECTION("tp_btf/sched_process_exec")
int program_begins(u64 *context) {
  struct task_struct *task = (struct task_struct *)context[0];
  struct probe_head *head = bpf_ringbuf_reserve(&ring, sizeof *head, 0);
  if (!head) return 0;
  fill_head(head, PROBE_EXEC, (u32)task->tgid, bpf_ktime_get_ns(), FIELD(FIELD(task, group_leader), start_time));
  /* What is built into it is to be looked at before it says something. */
  bpf_ringbuf_submit(head, BPF_RB_FORCE_WAKEUP);
  return 0;
}

SECTION("tp_btf/sched_process_fork")
int process_is_born(u64 *context) {
  struct task_struct *parent = (struct task_struct *)context[0], *child = (struct task_struct *)context[1];
  u32 pid = (u32)child->tgid;
  struct birth birth = { (u32)parent->tgid, 0, bpf_ktime_get_ns() };
  /* Else it is a thread. */
  if (pid != birth.parent) bpf_map_update_elem(&births, &pid, &birth, 0);
  return 0;
}

/* ---- Probes ---- */

SECTION("uprobe/begin")
int function_begins(struct pt_regs *registers) {
  u64 cookie = bpf_get_attach_cookie(registers);
  u32 function = cookie & PROBE_FUNCTION_MASK;
  if (cookie & PROBE_GO) {
    begin_go_function(registers, cookie);
    return 0;
  }
  if (function == PROBE_CALL || function == PROBE_MADE_AT || function == PROBE_QUIET) {
    begin_call(registers, cookie);
    return 0;
  }
  struct probe_session_key key = key_of(ARGUMENT_1(registers));
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  if (!session) return 0;
  if (function == PROBE_SHARED) session->references++;
  else if (function == PROBE_CLOSING) session->closing = 1;
  else if (function == PROBE_FREED) {
    /* NSS sends its close_notify when the layer is closed. */
    if (cookie & PROBE_LAYER) session->closing = 1;
    free_session(&key, session);
  }
  else if (function == PROBE_CLEARED) clear_session(&key, session);
  return 0;
}

SECTION("uprobe/return")
int function_returns(struct pt_regs *registers) {
  u64 cookie = bpf_get_attach_cookie(registers);
  u32 function = cookie & PROBE_FUNCTION_MASK;
  u32 library = PROBE_LIBRARY(cookie);
  if (cookie & PROBE_GO) {
    end_go_call(registers);
    return 0;
  }
  struct caller caller = { PLACE(registers), STACK(registers) };
  if (function == PROBE_CALL || function == PROBE_QUIET) end_call(registers, cookie);
  else if (function == PROBE_MADE_AT) make_session_at(registers, library, &caller);
  else make_session(RESULT(registers), library, &caller);
  return 0;
}
