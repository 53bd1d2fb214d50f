/* SPDX-License-Identifier: MIT */
/* Records: what is told of a session and of a call's bytes. */
#ifndef SSLC_PROBES_TELLING_H
#define SSLC_PROBES_TELLING_H

#include "maps.h"

INLINE void fill_head(struct probe_head *head, u16 kind, u64 flow, u64 time_ns, u64 offset) {
  head->kind = kind;
  head->way = 0;
  head->flags = 0;
  head->length = 0;
  head->time_ns = time_ns;
  head->flow = flow;
  head->offset = offset;
}

INLINE u32 read_word(u64 object, s32 offset, u32 otherwise) {
  u32 word;
  if (offset < 0 || bpf_probe_read_user(&word, sizeof word, (void *)(object + offset)) != 0) return otherwise;
  return word;
}

/* The ClientHello that was seen on a socket; 0: none, or the socket is not known. */
INLINE struct hello_key *hello_of(u64 socket) { return socket != 0 ? bpf_map_lookup_elem(&randoms, &socket) : 0; }

INLINE u8 role_of(const struct probe_library *library, u64 object, u64 socket) {
  u32 word = 0;
  if (library->role < 0) {
    struct hello_key *hello = hello_of(socket);
    return !hello ? PROBE_ROLE_UNKNOWN : hello->is_received ? PROBE_SERVER : 0;
  }
  if (read_word(object, library->type, 0) != 0) return PROBE_ROLE_UNKNOWN;
  if (bpf_probe_read_user(&word, sizeof word, (void *)(object + library->role)) != 0) return PROBE_ROLE_UNKNOWN;
  if (word & library->server_mask) return PROBE_SERVER;
  if (library->client_mask == 0 || word & library->client_mask) return 0;
  return library->server_mask == 0 ? PROBE_SERVER : PROBE_ROLE_UNKNOWN;
}

/* The ends of a session that used no socket in its calls, by the packet that had its client random. */
INLINE void find_hello(struct probe_session *session, const struct probe_open *open, u8 flags) {
  struct hello_key key = { .is_received = (flags & PROBE_SERVER) != 0 };
  if (session->has_ends || !(flags & PROBE_RANDOM_KNOWN) || (flags & PROBE_ROLE_UNKNOWN)) return;
  __builtin_memcpy(key.client_random, open->client_random, 32);
  struct probe_ends *ends = bpf_map_lookup_elem(&hellos, &key);
  if (!ends) return;
  session->ends = *ends;
  session->has_ends = session->by_hello = 1;
}

/* The client random, out of the session's object, or where none is kept there, of the ClientHello on its socket; whether there is one. */
INLINE int read_random(struct probe_open *open, const struct probe_library *library, u64 object, u64 socket) {
  s32 at = library->client_random;
  if (at >= 0 && bpf_probe_read_user(open->client_random, 32, (void *)(object + at)) == 0) return 1;
  struct hello_key *hello = at < 0 ? hello_of(socket) : 0;
  if (hello) __builtin_memcpy(open->client_random, hello->client_random, 32);
  else __builtin_memset(open->client_random, 0, 32);
  return hello != 0;
}

/* The name that the session's object points to; the object is the program's own memory, and its pointers may be anything. */
INLINE void read_alpn(struct probe_open *open, const struct probe_library *library, u64 object) {
  u64 holder = object, name = 0;
  __builtin_memset(open->alpn, 0, sizeof open->alpn);
  open->alpn_length = 0;
  if (library->alpn < 0 || read_word(object, library->type, 0) != 0) return;
  s32 at = library->alpn_holder;
  if (at >= 0 && bpf_probe_read_user(&holder, sizeof holder, (void *)(object + at)) != 0) return;
  if (bpf_probe_read_user(&name, sizeof name, (void *)(holder + library->alpn)) != 0) return;
  u64 length = read_word(holder, library->alpn_length, 0);
  if (name == 0 || length == 0 || length > PROBE_ALPN_MAX) return;
  /* The compiler knows that it fits, the kernel wants to see it. */
  asm volatile("if %0 <= 31 goto +1\n%0 = 31" : "+r"(length));
  if (bpf_probe_read_user(open->alpn, (u32)length, (void *)name) == 0) open->alpn_length = (u8)length;
}

/* The process that runs. */
INLINE void fill_program(struct probe_program *program, u32 pid) {
  struct task_struct *task = bpf_get_current_task_btf();
  program->started_ns = FIELD(FIELD(task, group_leader), start_time);
  program->pid = pid;
  program->parent = FIELD(FIELD(task, real_parent), tgid);
  program->uid = (u32)bpf_get_current_uid_gid();
  program->net_namespace = FIELD(FIELD(FIELD(task, nsproxy), net_ns), ns.inum);
  bpf_get_current_comm(program->comm, sizeof program->comm);
}

/* Which side it is nobody can say before its hello. */
INLINE int has_no_role(const struct probe_library *library, const struct probe_session *session) {
  return library->role < 0 && !hello_of(session->socket);
}

/* PROBE_OPEN or PROBE_ADDRESS; whether it found room. */
CHECKED_ALONE int tell_open(const struct probe_session_key *key, struct probe_session *session, u64 time_ns, u32 is_update) {
  if (!key || !session) return 0;
  u32 number = session->library;
  struct probe_library *library = bpf_map_lookup_elem(&libraries, &number);
  /* Of a session without a role the next call asks again. */
  if (!library || has_no_role(library, session)) return 0;
  struct probe_open *open = bpf_ringbuf_reserve(&ring, sizeof *open, 0);
  if (!open) return 0;
  fill_head(&open->head, is_update ? PROBE_ADDRESS : PROBE_OPEN, session->flow, time_ns, session->sent);
  u8 flags = role_of(library, key->session, session->socket);
  if (session->late) flags |= PROBE_LATE;
  if (session->inherited) flags |= PROBE_INHERITED;
  open->received = session->received;
  fill_program(&open->program, key->pid);
  open->tls_version = read_word(key->session, library->version, 0);
  open->library = number;
  if (read_random(open, library, key->session, session->socket)) flags |= PROBE_RANDOM_KNOWN;
  find_hello(session, open, flags);
  if (session->by_hello) flags |= PROBE_BY_HELLO;
  open->ends = session->ends;
  read_alpn(open, library, key->session);
  open->caller = session->teller == PROBE_UNDECIDED ? session->caller : 0;
  open->head.flags = flags;
  bpf_ringbuf_submit(open, BPF_RB_NO_WAKEUP);
  return 1;
}

/* What is to be told of a call's bytes. */
struct telling {
  u64 flow;
  u64 buffer;
  u64 left;
  u64 offset;
  u64 time_ns;
  u64 told;
  u64 unread;
  u32 way;
  u32 looked; /* of a huge call's bytes, those that were looked at before they left */
  struct piece_key piece; /* the next one of a huge call */
};

/* The next so many bytes are a gap. */
INLINE void tell_unread(struct telling *telling, u64 length) {
  struct probe_head *head = bpf_ringbuf_reserve(&ring, sizeof *head, 0);
  telling->unread += length;
  if (!head) return;
  fill_head(head, PROBE_GAP, telling->flow, telling->time_ns, telling->offset);
  head->way = (u8)telling->way;
  head->length = (u32)length;
  bpf_ringbuf_submit(head, BPF_RB_NO_WAKEUP);
}

/* A record with room for SIZE bytes; answers whether they were told. */
#define TELL(SIZE)                                                                                   \
  INLINE int tell_##SIZE(struct telling *telling, u64 length) {                                      \
    struct probe_head *head = bpf_ringbuf_reserve(&ring, sizeof(struct probe_head) + SIZE, 0);       \
    if (!head) return 0;                                                                             \
    fill_head(head, PROBE_DATA, telling->flow, telling->time_ns, telling->offset);                   \
    head->way = (u8)telling->way;                                                                    \
    head->length = (u32)length;                                                                      \
    /* The compiler knows that length fits, the kernel wants to see it. */                           \
    asm volatile("if %0 <= " #SIZE " goto +1\n%0 = " #SIZE : "+r"(length));                          \
    if (bpf_probe_read_user(head + 1, (u32)length, (void *)telling->buffer) != 0) {                  \
      bpf_ringbuf_discard(head, BPF_RB_NO_WAKEUP);                                                   \
      tell_unread(telling, length);                                                                  \
      return 0;                                                                                      \
    }                                                                                                \
    bpf_ringbuf_submit(head, BPF_RB_NO_WAKEUP);                                                      \
    return 1;                                                                                        \
  }
TELL(256)
TELL(1024)
TELL(4096)
TELL(8192)
TELL(16384)

CHECKED_ALONE int tell_bytes(struct telling *telling) {
  if (!telling) return 0;
  u64 length = telling->left;
  int is_told;
  if (length > PROBE_PIECE_MAX) length = PROBE_PIECE_MAX;
  if (length <= 256) is_told = tell_256(telling, length);
  else if (length <= 1024) is_told = tell_1024(telling, length);
  else if (length <= 4096) is_told = tell_4096(telling, length);
  else if (length <= 8192) is_told = tell_8192(telling, length);
  else is_told = tell_16384(telling, length);
  if (is_told) telling->told += length;
  telling->buffer += length;
  telling->offset += length;
  telling->left -= length;
  return 0;
}

static long tell_piece(UNUSED u32 index, struct telling *telling) {
  tell_bytes(telling);
  return 0;
}

/* Ends what was told of a session; the session's entry is the caller's to remove. */
CHECKED_ALONE int tell_close(struct probe_session *session, u32 orderly) {
  if (!session || session->flow == 0) return 0;
  u64 now = bpf_ktime_get_ns();
  struct probe_close *close = bpf_ringbuf_reserve(&ring, sizeof *close, 0);
  if (close) {
    fill_head(&close->head, PROBE_CLOSE, session->flow, now, session->sent);
    close->received = session->received;
    if (orderly) close->head.flags = PROBE_ORDERLY;
    bpf_ringbuf_submit(close, BPF_RB_NO_WAKEUP);
    return 0;
  }
  struct probe_ending ending = { session->sent, session->received, orderly, now };
  u64 flow = session->flow;
  bpf_map_update_elem(&endings, &flow, &ending, 0);
  struct probe_books *books = the_books();
  if (books) count(&books->endings, 1);
  return 0;
}

#endif
