/* SPDX-License-Identifier: MIT */
/*
 * Probes at the calls of TLS libraries, run by the kernel: the clear text of a call is copied into the ring when it returns,
 * and the socket that its thread used meanwhile gives the session's addresses. Programs are only read.
 *
 * A session is known by its process and the address of its object, from the library's function that makes it, or the first
 * call that passes bytes, to the one that frees it.
 */
#include "kernel.h"

/* The kernel lets programs under this licence use its helpers for tracing; the source may also be used under MIT alone. */
const char license_text[] SECTION("license") = "Dual MIT/GPL";

/* A TLS call that a thread is in. */
struct frame {
  u64 stack; /* where the stack will be when it has returned; 0: there is none */
  u64 session;
  u64 buffer;
  u64 size;
  u64 count_at; /* where the number of bytes will stand; 0: it is returned */
  u64 time_ns;
  u32 library;
  u8 way;
  u8 keeps; /* PROBE_KEEPS */
  u8 quiet; /* nothing is to be told of it */
  u8 parts; /* PROBE_PARTS: `buffer` and `size` are those of the parts */
  u8 outer;   /* the frame around it, in `thread.frames`, plus 1 */
  u64 socket; /* cookie of the first one */
  u8 sockets; /* TCP sockets that passed bytes: 0, 1, or 2 for several */
  struct probe_ends ends __attribute__((aligned(8)));
};

/* TLS inside TLS takes two frames. One of a call that was left by a jump stays until the place is needed. */
#define FRAMES 4
struct thread {
  u8 current; /* of `frames`, plus 1; 0: none */
  u8 next;
  struct frame frames[FRAMES];
};

/* SSL_SENT_SHUTDOWN and SSL_RECEIVED_SHUTDOWN. */
#define SHUTDOWN_MASK 3

/* A ClientHello that left this host or came to it. */
struct hello_key {
  u8 client_random[32];
  u64 is_received;
};

MAP(ring, MAP_RINGBUF, 0, 0, 64 << 20, 0);
MAP(threads, MAP_TASK_STORAGE, 4, sizeof(struct thread), 0, MAP_NO_PREALLOC);
MAP(go_calls, MAP_HASH, sizeof(struct probe_go_key), sizeof(struct frame), 65536, MAP_NO_PREALLOC);
MAP(sessions, MAP_HASH, sizeof(struct probe_session_key), sizeof(struct probe_session), 131072, MAP_NO_PREALLOC);
MAP(endings, MAP_HASH, 8, sizeof(struct probe_ending), 131072, MAP_NO_PREALLOC);
MAP(randoms, MAP_LRU_HASH, 8, sizeof(struct hello_key), 16384, 0);
MAP(hellos, MAP_LRU_HASH, sizeof(struct hello_key), sizeof(struct probe_ends), 16384, 0);
MAP(hello_bytes, MAP_LRU_HASH, 32, sizeof(struct probe_hello), 4096, 0);
MAP(hello_drafts, MAP_PER_CPU_ARRAY, 4, sizeof(struct probe_hello), 2, 0);
MAP(libraries, MAP_ARRAY, 4, sizeof(struct probe_library), 1024, 0);
MAP(books, MAP_ARRAY, 4, sizeof(struct probe_books), 1, 0);

/* The kernel's types of these stand in the object's BTF. */
const struct thread *const thread_type SECTION("types") = 0;

INLINE struct probe_books *the_books(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&books, &zero);
}

INLINE void count(u64 *counter, u64 amount) { __sync_fetch_and_add(counter, amount); }

INLINE int same_ends(const struct probe_ends *one, const struct probe_ends *other) {
  const u64 *a = (const u64 *)one, *b = (const u64 *)other;
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* ---- Which socket a call used ---- */

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

INLINE int note_socket(struct sock *sock, s32 result) {
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
  return 0;
}

SECTION("tp_btf/sock_send_length")
int socket_sent(u64 *context) { return note_socket((struct sock *)context[0], (s32)context[1]); }

SECTION("tp_btf/sock_recv_length")
int socket_received(u64 *context) { return note_socket((struct sock *)context[0], (s32)context[1]); }

/* ---- ClientHellos ---- */

#define RECORD_HANDSHAKE 0x16
#define CLIENT_HELLO 1
/* Of a record with a ClientHello: where the random stands, and where it ends. */
#define RANDOM_AT 11
#define RANDOM_END 43
#define IPV4_HEADER 20
#define IPV6_HEADER 40

/* Length of the IP header, and the ends as the packet names them: source as local, destination as remote; 0 where it is no TCP. */
INLINE u32 read_network(const struct __sk_buff *packet, struct probe_ends *ends) {
  u8 header[IPV6_HEADER];
  if (bpf_skb_load_bytes(packet, 0, header, IPV4_HEADER) != 0) return 0;
  if (header[0] >> 4 == 4) {
    if (header[9] != IPPROTO_TCP) return 0;
    ends->family = AF_INET;
    __builtin_memcpy(ends->local, header + 12, 4);
    __builtin_memcpy(ends->remote, header + 16, 4);
    return (header[0] & 15) * 4;
  }
  if (header[0] >> 4 != 6 || bpf_skb_load_bytes(packet, 0, header, IPV6_HEADER) != 0) return 0;
  if (header[6] != IPPROTO_TCP) return 0;
  ends->family = AF_INET6;
  __builtin_memcpy(ends->local, header + 8, 16);
  __builtin_memcpy(ends->remote, header + 24, 16);
  return IPV6_HEADER;
}

/*
 * Keeps what else a ClientHello says. Another packet may come in between and overwrite the draft: the agent looks whether the random in the
 * bytes is the one that they are kept by.
 */
INLINE void keep_hello(const struct __sk_buff *packet, u32 payload, const u8 *client_random, u32 is_received) {
  struct probe_hello *draft = bpf_map_lookup_elem(&hello_drafts, &is_received);
  u64 length = packet->len - payload;
  if (!draft) return;
  /* The kernel wants to see that it fits. */
  asm volatile("if %0 <= 1024 goto +1\n%0 = 1024" : "+r"(length));
  if (length == 0 || bpf_skb_load_bytes(packet, payload, draft->bytes, (u32)length) != 0) return;
  draft->length = (u32)length;
  bpf_map_update_elem(&hello_bytes, client_random, draft, 0);
}

INLINE void note_hello(const struct __sk_buff *packet, u64 is_received) {
  struct probe_ends ends = { 0 };
  u8 head[RANDOM_END];
  u8 transport[14];
  u32 at = read_network(packet, &ends);
  if (at == 0 || bpf_skb_load_bytes(packet, at, transport, sizeof transport) != 0) return;
  u32 payload = at + (transport[12] >> 4) * 4;
  if (packet->len < payload + RANDOM_END) return;
  if (bpf_skb_load_bytes(packet, payload, head, sizeof head) != 0) return;
  if (head[0] != RECORD_HANDSHAKE || head[1] != 3 || head[5] != CLIENT_HELLO || head[9] != 3) return;
  u16 source = (u16)(transport[0] << 8 | transport[1]), destination = (u16)(transport[2] << 8 | transport[3]);
  struct hello_key key = { .is_received = is_received };
  __builtin_memcpy(key.client_random, head + RANDOM_AT, 32);
  ends.local_port = source;
  ends.remote_port = destination;
  if (is_received) {
    struct probe_ends turned = { .family = ends.family, .local_port = destination, .remote_port = source };
    __builtin_memcpy(turned.local, ends.remote, 16);
    __builtin_memcpy(turned.remote, ends.local, 16);
    ends = turned;
  }
  bpf_map_update_elem(&hellos, &key, &ends, 0);
  keep_hello(packet, payload, key.client_random, is_received != 0);
  u64 socket = bpf_get_socket_cookie(packet);
  if (socket != 0) bpf_map_update_elem(&randoms, &socket, &key, 0);
}

/* Every packet goes on. */
SECTION("cgroup_skb/egress")
int packet_leaves(struct __sk_buff *packet) {
  note_hello(packet, 0);
  return 1;
}

SECTION("cgroup_skb/ingress")
int packet_comes(struct __sk_buff *packet) {
  note_hello(packet, 1);
  return 1;
}

/* ---- What is told ---- */

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

INLINE u8 role_of(const struct probe_library *library, u64 object, u64 socket) {
  u32 word = 0;
  if (library->role < 0) {
    struct hello_key *hello = socket != 0 ? bpf_map_lookup_elem(&randoms, &socket) : 0;
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
  struct hello_key *hello = at < 0 && socket != 0 ? bpf_map_lookup_elem(&randoms, &socket) : 0;
  if (hello) __builtin_memcpy(open->client_random, hello->client_random, 32);
  else __builtin_memset(open->client_random, 0, 32);
  return hello != 0;
}

/* PROBE_OPEN or PROBE_ADDRESS; whether it found room. */
CHECKED_ALONE int tell_open(const struct probe_session_key *key, struct probe_session *session, u64 time_ns, u32 is_update) {
  if (!key || !session) return 0;
  u32 number = session->library;
  struct probe_library *library = bpf_map_lookup_elem(&libraries, &number);
  struct task_struct *task = bpf_get_current_task_btf();
  if (!library) return 0;
  struct probe_open *open = bpf_ringbuf_reserve(&ring, sizeof *open, 0);
  if (!open) return 0;
  fill_head(&open->head, is_update ? PROBE_ADDRESS : PROBE_OPEN, session->flow, time_ns, session->sent);
  u8 flags = role_of(library, key->session, session->socket);
  if (session->late) flags |= PROBE_LATE;
  if (session->inherited) flags |= PROBE_INHERITED;
  open->received = session->received;
  open->started_ns = task->group_leader->start_time;
  open->pid = key->pid;
  open->parent = task->real_parent->tgid;
  open->uid = (u32)bpf_get_current_uid_gid();
  open->net_namespace = task->nsproxy->net_ns->ns.inum;
  open->tls_version = read_word(key->session, library->version, 0);
  open->library = number;
  bpf_get_current_comm(open->comm, sizeof open->comm);
  if (read_random(open, library, key->session, session->socket)) flags |= PROBE_RANDOM_KNOWN;
  find_hello(session, open, flags);
  if (session->by_hello) flags |= PROBE_BY_HELLO;
  open->ends = session->ends;
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
};

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
      telling->unread += length;                                                                     \
      bpf_ringbuf_discard(head, BPF_RB_NO_WAKEUP);                                                   \
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

/* ---- Programs that carry the hook ---- */

/* Eight characters as the word that they are in memory. */
#define WORD(a, b, c, d, e, f, g, h)                                                                     \
  ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 |        \
   (u64)(g) << 48 | (u64)(h) << 56)

/* "libsslcollector_hook.so" and the byte that ends it. */
INLINE int is_hook_name(const u64 *name) {
  return name[0] == WORD('l', 'i', 'b', 's', 's', 'l', 'c', 'o') &&
         name[1] == WORD('l', 'l', 'e', 'c', 't', 'o', 'r', '_') &&
         name[2] == WORD('h', 'o', 'o', 'k', '.', 's', 'o', 0);
}

/* "libssl3.so" and the byte that ends it. */
INLINE int is_nss_name(const u64 *name) {
  return name[0] == WORD('l', 'i', 'b', 's', 's', 'l', '3', '.') && (name[1] & 0xffffff) == WORD('s', 'o', 0, 0, 0, 0, 0, 0);
}

enum mapped { MAPPED_OTHER = 0, MAPPED_HOOK = 1, MAPPED_NSS = 2 };

static long look_at_mapping(UNUSED struct task_struct *task, struct vm_area_struct *area, u64 *mapped) {
  u64 name[4] = { 0 };
  struct file *file = area->vm_file;
  if (!file) return 0;
  bpf_probe_read_kernel_str(name, sizeof name, file->f_path.dentry->d_name.name);
  *mapped = is_hook_name(name) ? MAPPED_HOOK : is_nss_name(name) ? MAPPED_NSS : MAPPED_OTHER;
  return 0;
}

/* Whose code the running program has at an address. */
INLINE u64 mapped_at(u64 address) {
  u64 mapped = MAPPED_OTHER;
  bpf_find_vma(bpf_get_current_task_btf(), address, look_at_mapping, &mapped, 0);
  return mapped;
}

/* Where a call came from: where its thread is once it has returned, and before that, what stands on its stack. */
struct caller {
  u64 place; /* 0: it has not returned */
  u64 stack; /* where the stack pointer is when it has */
};

/* Whether the call came from the hook: then the hook tells what it passes. */
INLINE u8 is_hooked(const struct caller *from) {
  u64 caller = from->place;
  if (caller == 0) bpf_probe_read_user(&caller, sizeof caller, (void *)(from->stack - sizeof caller));
  return mapped_at(caller) == MAPPED_HOOK;
}

/* ---- Sessions ---- */

/* Of the process that runs. */
INLINE struct probe_session_key key_of(u64 session) {
  struct probe_session_key key = { session, (u32)(bpf_get_current_pid_tgid() >> 32), 0 };
  return key;
}

/* A child goes on with what its parent had, from where that is. */
INLINE void inherit(const struct probe_session_key *key, struct probe_session *session) {
  struct probe_session_key of_parent = { key->session, (u32)bpf_get_current_task_btf()->real_parent->tgid, 0 };
  struct probe_session *parent = bpf_map_lookup_elem(&sessions, &of_parent);
  if (!parent || parent->library != session->library) return;
  session->sent = parent->sent;
  session->received = parent->received;
  session->ends = parent->ends;
  session->has_ends = parent->has_ends;
  session->by_hello = parent->by_hello;
  session->hooked = parent->hooked;
  session->late = parent->late;
  session->inherited = parent->flow != 0;
}

INLINE struct probe_session *session_of(const struct probe_session_key *key, u32 library,
                                        const struct caller *caller) {
  struct probe_session *session = bpf_map_lookup_elem(&sessions, key);
  if (session) return session;
  struct probe_session fresh = { 0 };
  fresh.library = library;
  fresh.late = 1;
  inherit(key, &fresh);
  if (!fresh.inherited) fresh.hooked = is_hooked(caller);
  bpf_map_update_elem(&sessions, key, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&sessions, key);
}

/* A session whose bytes go over another connection than before is another one at the same place. */
INLINE void take_ends(struct probe_session *session, const struct frame *frame) {
  if (frame->sockets != 1 || session->by_hello || (session->has_ends && same_ends(&session->ends, &frame->ends))) return;
  if (session->has_ends) {
    tell_close(session, 0);
    session->flow = 0;
    session->sent = session->received = 0;
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

static __attribute__((noinline)) int tell_call(const struct frame *frame, u64 length,
                                               const struct caller *caller) {
  struct probe_session_key key = key_of(frame->session);
  struct probe_books *books = the_books();
  if (!books) return 0;
  count(&books->passed, length);
  struct probe_session *session = session_of(&key, frame->library, caller);
  if (!session) {
    count(&books->untracked, 1);
    count(&books->lost, length);
    return 0;
  }
  if (session->hooked) {
    count(&books->skipped, length);
    return 0;
  }
  take_ends(session, frame);
  u32 way = frame->way & 1;
  u64 offset = way == PROBE_RECEIVED ? session->received : session->sent;
  struct telling telling = { session->flow, frame->buffer, length, offset, frame->time_ns, 0, 0, way };
  if (way == PROBE_RECEIVED) telling.time_ns = bpf_ktime_get_ns();
  if (open_flow(&key, session, books, telling.time_ns)) {
    telling.flow = session->flow;
    bpf_loop((u32)((length + PROBE_PIECE_MAX - 1) / PROBE_PIECE_MAX), tell_piece, &telling, 0);
  }
  if (way == PROBE_RECEIVED) session->received = offset + length;
  else session->sent = offset + length;
  count(&books->told, telling.told);
  if (telling.told < length) count(&books->lost, length - telling.told);
  if (telling.unread > 0) count(&books->unread, telling.unread);
  return 0;
}

/* ---- Calls ---- */

/* The frame of a call that begins: one that was left by a jump at this place of the stack, or the one that waits the longest. */
INLINE struct frame *begin_frame(struct thread *thread, u64 stack) {
  u32 slot = thread->next & (FRAMES - 1);
  u8 outer = thread->current;
#pragma unroll
  for (u32 i = 0; i < FRAMES; i++) {
    if (thread->frames[i].stack == stack) {
      slot = i;
      outer = thread->frames[i].outer;
    }
  }
  struct frame *frame = &thread->frames[slot & (FRAMES - 1)];
  frame->stack = stack;
  frame->outer = outer;
  frame->quiet = 0;
  frame->sockets = 0;
  thread->next = (u8)((slot + 1) & (FRAMES - 1));
  thread->current = (u8)(slot + 1);
  return frame;
}

/* Whether a call is one of a call around it that is quiet, for the same session. */
INLINE int is_inside_quiet(const struct thread *thread, const struct frame *frame) {
  if (frame->outer == 0) return 0;
  const struct frame *outer = &thread->frames[(frame->outer - 1) & (FRAMES - 1)];
  return outer->quiet && outer->stack != 0 && outer->session == frame->session;
}

/* PRFileDesc begins with its methods, PRIOMethods with its type, the method that closes and the one that reads. */
#define NSPR_READS_AT 16
#define PR_MSG_PEEK 2

/* Whether an NSPR layer is one of NSS's TLS: known to be a session already, or read by its code. */
INLINE int is_tls_layer(u64 layer) {
  struct probe_session_key key = key_of(layer);
  u64 methods = 0, reads = 0;
  if (bpf_map_lookup_elem(&sessions, &key)) return 1;
  if (bpf_probe_read_user(&methods, sizeof methods, (void *)layer) != 0) return 0;
  if (bpf_probe_read_user(&reads, sizeof reads, (void *)(methods + NSPR_READS_AT)) != 0) return 0;
  return mapped_at(reads) == MAPPED_NSS;
}

INLINE void begin_call(struct pt_regs *registers, u64 cookie) {
  if (cookie & PROBE_LAYER && !is_tls_layer(ARGUMENT_1(registers))) return;
  if (cookie & PROBE_PEEKS && ARGUMENT_4(registers) & PR_MSG_PEEK) return;
  struct thread *thread =
    bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!thread) {
    struct probe_books *books = the_books();
    if (books) count(&books->untracked, 1);
    return;
  }
  struct frame *frame = begin_frame(thread, STACK(registers) + PROBE_DEPTH(cookie));
  frame->session = ARGUMENT_1(registers);
  frame->quiet = (cookie & PROBE_FUNCTION_MASK) == PROBE_QUIET || is_inside_quiet(thread, frame);
  frame->buffer = ARGUMENT_2(registers);
  frame->size = ARGUMENT_3(registers);
  if (cookie & PROBE_OPAQUE) {
    frame->buffer = 0;
    frame->size = ~0ull;
  }
  frame->count_at = cookie & PROBE_COUNT_BEHIND ? ARGUMENT_4(registers) : 0;
  frame->time_ns = bpf_ktime_get_ns();
  frame->library = PROBE_LIBRARY(cookie);
  frame->way = cookie & PROBE_READS ? PROBE_RECEIVED : PROBE_SENT;
  frame->keeps = (cookie & PROBE_KEEPS) != 0;
  frame->parts = (cookie & PROBE_PARTS) != 0;
}

/* The frame of a call that returns, which is over with that; 0: it began before anybody looked. */
INLINE struct frame *end_frame(struct thread *thread, u64 stack) {
  u32 slot = FRAMES;
#pragma unroll
  for (u32 i = 0; i < FRAMES; i++) {
    if (thread->frames[i].stack == stack) slot = i;
  }
  if (slot >= FRAMES) return 0;
  struct frame *frame = &thread->frames[slot & (FRAMES - 1)];
  frame->stack = 0;
  thread->current = frame->outer;
  return frame;
}

#define GNUTLS_E_AGAIN -28
#define GNUTLS_E_INTERRUPTED -52

/* Bytes that a call has passed; 0 where it failed. */
INLINE u64 count_of(const struct frame *frame, s32 result) {
  u64 length = (u32)result;
  if (result <= 0) return 0;
  if (frame->count_at != 0 && bpf_probe_read_user(&length, sizeof length, (void *)frame->count_at) != 0) return 0;
  return length > frame->size ? 0 : length;
}

/*
 * The same of a call that keeps what a socket does not take: its first record has left its caller's hands and is told, whether the call
 * that says so brings it again or nothing. Moves the frame's buffer behind what was told before.
 */
INLINE u64 count_of_keeper(struct frame *frame, s32 result) {
  struct probe_session_key key = key_of(frame->session);
  struct probe_session *session = bpf_map_lookup_elem(&sessions, &key);
  u32 ahead = session ? session->ahead : 0;
  if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
    if (!session || ahead > 0 || frame->size == 0) return 0;
    u32 kept = frame->size > PROBE_PIECE_MAX ? PROBE_PIECE_MAX : (u32)frame->size;
    session->ahead = kept;
    return kept;
  }
  if (result <= 0) return 0;
  u32 known = (u32)result < ahead ? (u32)result : ahead;
  if (session) session->ahead = ahead - known;
  if ((u32)result > known && (u32)result > frame->size) return 0;
  frame->buffer += known;
  return (u32)result - known;
}

/* PR_MAX_IOVECTOR_SIZE */
#define PARTS_MAX 16

/* PRIOVec */
struct part {
  u64 bytes;
  s32 length;
};

/* A call that passed parts, and what of them is still to be told. */
struct parted {
  struct frame frame;
  struct caller caller;
  u64 left;
};

static long tell_part(u32 index, struct parted *call) {
  struct part part;
  u64 at = call->frame.buffer + index * sizeof part;
  if (call->left == 0 || bpf_probe_read_user(&part, sizeof part, (void *)at) != 0 || part.length < 0) return 0;
  struct frame frame = call->frame;
  u64 length = (u32)part.length < call->left ? (u32)part.length : call->left;
  frame.buffer = part.bytes;
  frame.size = length;
  call->left -= length;
  if (length > 0) tell_call(&frame, length, &call->caller);
  return 0;
}

INLINE void tell_parts(const struct frame *frame, s32 result, const struct caller *caller) {
  struct parted call = { *frame, *caller, (u32)result };
  if (result > 0) bpf_loop(PARTS_MAX, tell_part, &call, 0);
}

INLINE void end_call(struct pt_regs *registers, u64 cookie) {
  struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  u64 depth = PROBE_DEPTH(cookie), stack = STACK(registers) + depth;
  struct frame *frame = thread ? end_frame(thread, stack) : 0;
  if (!frame || frame->quiet) return;
  s32 result = (s32)RESULT(registers);
  struct caller caller = { depth == 0 ? PLACE(registers) : 0, stack };
  if (frame->parts) {
    tell_parts(frame, result, &caller);
    return;
  }
  u64 length = frame->keeps ? count_of_keeper(frame, result) : count_of(frame, result);
  if (length > 0) tell_call(frame, length, &caller);
}

/* ---- What becomes of sessions ---- */

INLINE void make_session(u64 object, u32 library, const struct caller *caller) {
  struct probe_session_key key = key_of(object);
  if (object == 0) return;
  struct probe_session fresh = { 0 };
  fresh.library = library;
  fresh.hooked = is_hooked(caller);
  struct probe_session *old = bpf_map_lookup_elem(&sessions, &key);
  if (old) tell_close(old, 0);
  bpf_map_update_elem(&sessions, &key, &fresh, 0);
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
  bpf_map_delete_elem(&sessions, key);
}

INLINE void clear_session(const struct probe_session_key *key, struct probe_session *session) {
  end_flow(key, session);
  session->flow = 0;
  session->sent = session->received = 0;
  session->ahead = 0;
  session->late = session->inherited = session->closing = session->has_ends = session->by_hello = 0;
}

/* ---- Calls of Go ---- */

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

/* ---- Programs that begin ---- */

SECTION("tp_btf/sched_process_exec")
int program_begins(u64 *context) {
  struct task_struct *task = (struct task_struct *)context[0];
  struct probe_head *head = bpf_ringbuf_reserve(&ring, sizeof *head, 0);
  if (!head) return 0;
  fill_head(head, PROBE_EXEC, (u32)task->tgid, bpf_ktime_get_ns(), 0);
  bpf_ringbuf_submit(head, BPF_RB_NO_WAKEUP);
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
