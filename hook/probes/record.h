/* SPDX-License-Identifier: MIT */
/*
 * What the probes tell the agent: records in a BPF ring buffer, and counters beside it. net/capture/uprobes/layout.ts reads
 * both, and a test holds its offsets against this header.
 *
 * Everything is little-endian. Records of a flow stand in the order in which its calls returned. Nothing of a flow comes
 * before its PROBE_OPEN. Each record says how many bytes of its direction passed before it, so that a record that found no
 * room shows as a gap of exactly its length when the next one comes, or in the PROBE_CLOSE. A close that found no room
 * stays in the map `endings`.
 */
#ifndef SSLC_PROBES_RECORD_H
#define SSLC_PROBES_RECORD_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

/*
 * PROBE_GAP is a head alone: as many bytes as a data record would have, which were not in the program's memory any more, or are hidden by the
 * library. PROBE_EXEC is one, too: the process that `flow` is the number of, and `offset` the start, runs another program now.
 */
enum probe_record_kind { PROBE_OPEN = 1, PROBE_ADDRESS = 2, PROBE_DATA = 3, PROBE_CLOSE = 4, PROBE_EXEC = 5, PROBE_GAP = 6 };

/* What a program reads goes to it: as seen from the program, not yet from the client. */
enum probe_way { PROBE_SENT = 0, PROBE_RECEIVED = 1 };

/* Payloads of a data record; the ring's room is given out in these sizes. */
#define PROBE_PIECE_MAX 16384

/* A TCP socket's ends. Addresses of IPv4 are in the first four bytes, the rest is 0. Ports are in host order. */
struct probe_ends {
  u16 family; /* AF_INET or AF_INET6; 0: not known */
  u16 local_port;
  u16 remote_port;
  u16 reserved;
  u8 local[16];
  u8 remote[16];
};

/* Head of every record. */
struct probe_head {
  u16 kind;
  u8 way;   /* of data, of a gap */
  u8 flags; /* enum probe_flags */
  u32 length; /* of data: bytes of payload behind the head; of a gap: bytes that are missing */
  u64 time_ns; /* CLOCK_MONOTONIC; of data sent: when the call began, of a large call when they left */
  u64 flow;    /* above 0, of one session, never used again */
  u64 offset;  /* of data and gaps: bytes that passed this way before; of others: bytes sent so far */
};

enum probe_flags {
  PROBE_SERVER = 1,       /* open: the program is the server */
  PROBE_ROLE_UNKNOWN = 2, /* open: whether it is, is not known */
  PROBE_LATE = 4,         /* open: the session began before anybody looked */
  PROBE_INHERITED = 8,    /* open: of the parent's, by fork */
  PROBE_ORDERLY = 16,     /* close: with a close_notify */
  PROBE_RANDOM_KNOWN = 32, /* open: client_random is set */
  PROBE_BY_HELLO = 64      /* open: the ends are those of the packet that had its client random */
};

/* Longer names are not told. */
#define PROBE_ALPN_MAX 31

/* A process, as the kernel knows it. */
struct probe_program {
  u64 started_ns;    /* its start: tells it from another one of its number */
  u32 pid;           /* in the initial pid namespace */
  u32 parent;
  u32 uid;           /* effective */
  u32 net_namespace; /* inode number */
  u8 comm[16];
};

/* PROBE_OPEN, and PROBE_ADDRESS when the ends become known later. */
struct probe_open {
  struct probe_head head;
  u64 received; /* bytes received before */
  struct probe_program program;
  u32 tls_version; /* 0x0303 for TLS 1.2; 0: not known */
  u32 library;     /* number of the library in the map `libraries` */
  u8 client_random[32];
  struct probe_ends ends;
  u8 alpn_length;
  u8 alpn[PROBE_ALPN_MAX]; /* protocol that was agreed on, as the session's object says */
  u64 caller; /* where the session's call came from, which the agent has to look at: if from the hook, that tells the session; 0: it does not */
};

struct probe_close {
  struct probe_head head;
  u64 received; /* bytes received in all; those sent are the head's offset */
};

struct probe_data {
  struct probe_head head;
  u8 payload[PROBE_PIECE_MAX];
};

/* The one value of the map `books`. Bytes passed = told + lost + skipped. */
struct probe_books {
  u64 next_flow;
  u64 passed;   /* bytes of calls that were seen returning */
  u64 told;     /* bytes that are in the ring, or were */
  u64 lost;     /* bytes that found no room */
  u64 unread;   /* of those lost: bytes whose memory could not be read */
  u64 untold;   /* of those lost: bytes of sessions that were not open, which the map `untold` has, or had no place for */
  u64 unplaced; /* of these: bytes that it had no place for */
  u64 skipped;  /* bytes of programs that carry the hook */
  u64 untracked; /* calls that no place was left for: what they passed nobody knows */
  u64 endings;  /* closes that found no room */
  u64 go_calls; /* calls of Go programs that began */
};

/* A value of the map `libraries`: where a session's facts stand in its object, -1 where that is not known. */
struct probe_library {
  s32 role;         /* u32 that says whether it is the server's; -1: who received the ClientHello on the session's socket is */
  u32 server_mask;  /* OpenSSL: any bit of it; GnuTLS: GNUTLS_SERVER; 0: it is where it has no bit of client_mask */
  u32 client_mask;  /* where it has to have a bit of this otherwise; 0: it need not */
  s32 client_random;
  s32 shutdown;     /* u32, SSL_SENT_SHUTDOWN and SSL_RECEIVED_SHUTDOWN */
  s32 version;      /* u32 */
  s32 type;         /* u32, 0 in sessions of TLS over TCP; -1: there are no others */
  s32 alpn;         /* pointer to the name of the protocol that was agreed on */
  s32 alpn_length;  /* u32 */
  s32 alpn_holder;  /* pointer to what these two stand in; -1: the object */
};

/* A key of the map `sessions`. */
struct probe_session_key {
  u64 session; /* address of its object */
  u32 pid;
  u32 reserved;
};

/*
 * Who tells a session: PROBE_UNDECIDED before its first call, and as long as another thread keeps the kernel from saying whose code is where.
 */
enum probe_teller { PROBE_UNDECIDED = 0, PROBE_BY_PROBES = 1, PROBE_BY_HOOK = 2 };

/* A value of it. */
struct probe_session {
  u64 flow; /* 0: nothing was told of it yet */
  u64 sent; /* bytes so far */
  u64 received;
  u64 over_ns; /* in the map `over`: CLOCK_MONOTONIC when it was freed, or its program seen to have ended */
  u16 library;
  u16 record;     /* of a large call that has not ended: bytes that its socket took of a record that is not whole */
  u32 references; /* besides the first one */
  u32 ahead;      /* bytes sent that were told before the call that counts them */
  u32 least;      /* of a large call that has not ended: bytes that have left, at least */
  u32 most;       /* and at most */
  u32 looked;     /* and bytes that were looked at before they left */
  u8 late;
  u8 inherited;
  u8 teller;   /* enum probe_teller */
  u8 closing;  /* the program has asked for its close_notify to be sent */
  u8 has_ends;
  u8 ends_told;
  u8 by_hello; /* the ends are those of its ClientHello */
  u8 reserved;
  u64 socket; /* cookie of the socket that has these ends; 0: not known */
  struct probe_ends ends;
  u64 top[2]; /* of an NSPR layer: its methods and secret when it was last looked at */
  u64 secret; /* of NSS's layer there, which is one session's */
  u64 caller; /* while it is undecided: where its last call came from */
};

/*
 * A key of the map `go_calls`, of calls that goroutines are in: they change threads, and their stacks are moved.
 */
struct probe_go_key {
  u64 goroutine;
  u32 pid;
  u32 reserved;
};

/* A value of the map `endings`, by the flow: a close that found no room in the ring. */
struct probe_ending {
  u64 sent;
  u64 received;
  u64 orderly; /* 0 or 1 */
  u64 time_ns;
};

/* Why bytes are lost of a session that is not open. */
enum probe_untold_reason {
  PROBE_NO_ROOM = 0,   /* the ring was full from its beginning on */
  PROBE_NO_PLACE = 1,  /* the map `sessions` was full */
  PROBE_NO_ROLE = 2,   /* which side the program is, its ClientHello would say, which nobody saw */
  PROBE_NO_TELLER = 3  /* nobody could see whether the hook tells it */
};

/* A key of the map `untold`. */
struct probe_untold_key {
  u64 started_ns;
  u32 pid;
  u32 reason; /* enum probe_untold_reason */
};

/* A value of it: what the program lost so far, of sessions whose side is not known as if it were their client. */
struct probe_untold {
  struct probe_program program;
  u64 to_server;
  u64 to_client;
};

/* A value of the map `hello_bytes`, by the client random: how the TCP payload begins that a ClientHello was seen in. */
#define PROBE_HELLO_MAX 1024
struct probe_hello {
  u32 length;
  u8 bytes[PROBE_HELLO_MAX];
};

/* A value of the map `answers`, by the client random that it answers: the same of a ServerHello. */
#define PROBE_ANSWER_MAX 252
struct probe_answer {
  u32 length;
  u8 bytes[PROBE_ANSWER_MAX];
};

/*
 * What a probe is told by its cookie: what the function does in bits 0 to 15, in bits 16 to 31 by how many bytes the stack
 * pointer will be higher when the function has returned, and above them the number of the library.
 */
enum probe_function {
  PROBE_CALL = 0,   /* (session, buffer, size, where the count goes): passes bytes; met at both ends */
  PROBE_MADE = 1,   /* answers a new session; met where it returns */
  PROBE_SHARED = 2, /* (session): gives it one more owner */
  PROBE_CLOSING = 3, /* (session): sends its close_notify */
  PROBE_FREED = 4,  /* (session): frees it, if nobody else owns it */
  PROBE_CLEARED = 5, /* (session): makes it as new, which libraries also do before each handshake */
  PROBE_MADE_AT = 6, /* (where the session goes): as PROBE_MADE, and answers 0; met at both ends */
  PROBE_QUIET = 7, /* (session): sends what calls before it have passed: its own calls pass nothing; met at both ends */
  PROBE_FUNCTION_MASK = 15,
  PROBE_READS = 16,       /* a call receives, and does not send */
  PROBE_COUNT_BEHIND = 32, /* a call stores the number of bytes where its fourth argument says, and returns 1 */
  PROBE_KEEPS = 64, /* a call that fails with GNUTLS_E_AGAIN or GNUTLS_E_INTERRUPTED has taken a record's bytes; those come again, or none */
  PROBE_LAYER = 256, /* the session is an NSPR layer, of which only those of NSS's TLS are meant */
  PROBE_PEEKS = 512, /* a call whose fourth argument may say that its bytes are left to be read again */
  PROBE_PARTS = 1024, /* a call's second argument names so many parts as its third says, each by an address and a length */
  PROBE_OPAQUE = 2048, /* a call that hides its bytes: they are a gap */
  PROBE_GO = 128 /* of Go: PROBE_MADE is where a session's handshake begins, PROBE_FREED sends a close_notify too */
};
#define PROBE_DEPTH(cookie) ((u64)(cookie) >> 16 & 0xffff)
#define PROBE_LIBRARY(cookie) ((u32)((u64)(cookie) >> 32))

#endif
