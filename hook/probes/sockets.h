/* SPDX-License-Identifier: MIT */
/* Which TCP socket a TLS call used: the kernel tells of each that passes bytes. */
#ifndef SSLC_PROBES_SOCKETS_H
#define SSLC_PROBES_SOCKETS_H

#include "large.h"

INLINE int read_ends(struct sock *sock, struct probe_ends *ends) {
  u16 family = sock->__sk_common.skc_family;
  if (sock->sk_protocol != IPPROTO_TCP) return 0;
  if (family == AF_INET) {
    *(u32 *)ends->local = sock->__sk_common.skc_rcv_saddr;
    *(u32 *)ends->remote = sock->__sk_common.skc_daddr;
  } else if (family == AF_INET6) {
    bpf_probe_read_kernel(ends->local, 16, &sock->__sk_common.skc_v6_rcv_saddr);
    bpf_probe_read_kernel(ends->remote, 16, &sock->__sk_common.skc_v6_daddr);
  } else {
    return 0;
  }
  ends->family = family;
  ends->local_port = sock->__sk_common.skc_num;
  ends->remote_port = __builtin_bswap16(sock->__sk_common.skc_dport);
  return 1;
}

INLINE struct probe_go_key go_key_of(u64 goroutine) {
  struct probe_go_key key = { goroutine, (u32)(bpf_get_current_pid_tgid() >> 32), 0 };
  return key;
}

/* The call of the goroutine that the thread runs, which is in a system call. */
INLINE struct frame *go_frame(struct task_struct *task) {
  struct probe_books *books = the_books();
  struct pt_regs *registers = bpf_task_pt_regs(task);
  u64 goroutine = 0;
  if (!books || books->go_calls == 0) return 0;
  bpf_probe_read_kernel(&goroutine, sizeof goroutine, &GOROUTINE(registers));
  struct probe_go_key key = go_key_of(goroutine);
  return bpf_map_lookup_elem(&go_calls, &key);
}

/* The TLS call that the thread is in. */
INLINE struct frame *current_frame(void) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct thread *thread = bpf_task_storage_get(&threads, task, 0, 0);
  if (!thread || thread->current == 0) return go_frame(task);
  return &thread->frames[(thread->current - 1) & (FRAMES - 1)];
}

INLINE struct frame *note_socket(struct sock *sock, s32 result) {
  struct frame *frame = result > 0 ? current_frame() : 0;
  if (!frame) return 0;
  struct probe_ends ends = { 0 };
  if (!read_ends(sock, &ends)) return 0;
  if (frame->sockets == 0) {
    frame->ends = ends;
    frame->socket = bpf_get_socket_cookie(sock);
    frame->sockets = 1;
  } else if (!same_ends(&frame->ends, &ends)) {
    frame->sockets = 2;
  }
  return frame;
}

SECTION("tp_btf/sock_send_length")
int socket_sent(u64 *context) {
  struct frame *frame = note_socket((struct sock *)context[0], (s32)context[1]);
  /* Of Go's calls the stack is not known. */
  if (frame && frame->stack != 0 && is_large(frame)) tell_ahead(frame, (u32)context[1]);
  return 0;
}

SECTION("tp_btf/sock_recv_length")
int socket_received(u64 *context) {
  struct frame *frame = note_socket((struct sock *)context[0], (s32)context[1]);
  if (frame && frame->stack != 0 && is_large(frame)) forget_handshake(frame);
  return 0;
}

#endif
