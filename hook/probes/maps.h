/* SPDX-License-Identifier: MIT */
/* What the probes keep: the maps that they share with the agent, and calls that are not over. */
#ifndef SSLC_PROBES_MAPS_H
#define SSLC_PROBES_MAPS_H

#include "kernel.h"

/* A TLS call that a thread is in. */
struct frame {
  u64 stack; /* where the stack will be when it has returned; 0: there is none */
  u64 session;
  u64 buffer;
  u64 size;
  u64 count_at; /* where the number of bytes will stand; 0: it is returned */
  u64 time_ns;
  u64 at; /* of a huge call's bytes, those before `buffer` */
  u32 library;
  u8 way;
  u8 keeps; /* PROBE_KEEPS */
  u8 quiet; /* nothing is to be told of it */
  u8 parts; /* PROBE_PARTS: `buffer` and `size` are those of the parts */
  u8 layered; /* PROBE_LAYER */
  u8 outer; /* the frame around it, in `thread.frames`, plus 1 */
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

/* How a process came to be, by its number. */
struct birth {
  u32 parent;
  u32 reserved;
  u64 time_ns;
};

/* A ClientHello that left this host or came to it. */
struct hello_key {
  u8 client_random[32];
  u64 is_received;
};

/* A piece of what a huge call sends. */
struct piece_key {
  u64 session;
  u32 pid;
  u32 at; /* bytes of the call before it */
};

/* How it was before it left. */
struct piece {
  u64 hash;
  u64 length;
};

/* Where a thread's pieces are looked at. */
struct scratch {
  u64 words[PROBE_PIECE_MAX / 8];
};

/* An address of a program: a process has another memory when it runs another one. */
struct place_key {
  u64 memory;
  u64 address;
};

MAP(ring, MAP_RINGBUF, 0, 0, 64 << 20, 0);
MAP(threads, MAP_TASK_STORAGE, 4, sizeof(struct thread), 0, MAP_NO_PREALLOC);
MAP(scratches, MAP_TASK_STORAGE, 4, sizeof(struct scratch), 0, MAP_NO_PREALLOC);
MAP(pieces, MAP_LRU_HASH, sizeof(struct piece_key), sizeof(struct piece), 16384, 0);
MAP(go_calls, MAP_HASH, sizeof(struct probe_go_key), sizeof(struct frame), 65536, MAP_NO_PREALLOC);
MAP(sessions, MAP_HASH, sizeof(struct probe_session_key), sizeof(struct probe_session), 131072, MAP_NO_PREALLOC);
/* Sessions that are over in one process, and may go on in children that it forked before. */
MAP(over, MAP_LRU_HASH, sizeof(struct probe_session_key), sizeof(struct probe_session), 4096, 0);
MAP(births, MAP_LRU_HASH, 4, sizeof(struct birth), 16384, 0);
MAP(endings, MAP_HASH, 8, sizeof(struct probe_ending), 131072, MAP_NO_PREALLOC);
MAP(untold, MAP_HASH, sizeof(struct probe_untold_key), sizeof(struct probe_untold), 16384, MAP_NO_PREALLOC);
MAP(randoms, MAP_LRU_HASH, 8, sizeof(struct hello_key), 16384, 0);
MAP(hellos, MAP_LRU_HASH, sizeof(struct hello_key), sizeof(struct probe_ends), 16384, 0);
MAP(hello_bytes, MAP_LRU_HASH, 32, sizeof(struct probe_hello), 4096, 0);
MAP(answers, MAP_LRU_HASH, 32, sizeof(struct probe_answer), 4096, 0);
MAP(hello_drafts, MAP_PER_CPU_ARRAY, 4, sizeof(struct probe_hello), 2, 0);
MAP(places, MAP_LRU_HASH, sizeof(struct place_key), 8, 4096, 0);
MAP(libraries, MAP_ARRAY, 4, sizeof(struct probe_library), 1024, 0);
MAP(books, MAP_ARRAY, 4, sizeof(struct probe_books), 1, 0);

/* The kernel's types of these stand in the object's BTF. */
const struct thread *const thread_type SECTION("types") = 0;
const struct scratch *const scratch_type SECTION("types") = 0;

INLINE struct probe_books *the_books(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&books, &zero);
}

INLINE void count(u64 *counter, u64 amount) { __sync_fetch_and_add(counter, amount); }

INLINE int same_ends(const struct probe_ends *one, const struct probe_ends *other) {
  const u64 *a = (const u64 *)one, *b = (const u64 *)other;
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

#endif
