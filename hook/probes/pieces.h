/* SPDX-License-Identifier: MIT */
/*
 * Pieces of huge calls, as they are before they leave: when the other end has them, another thread of the program may use their memory for
 * something else, though the call goes on. What is not as it was then is not told.
 */
#ifndef SSLC_PROBES_PIECES_H
#define SSLC_PROBES_PIECES_H

#include "telling.h"

#define LARGE_MAX 0x7fffffff
#define HUGE_BYTES (1 << 20)

/* A call that sends more than one record carries. */
INLINE int is_large(const struct frame *frame) {
  return frame->size > PROBE_PIECE_MAX && frame->size <= LARGE_MAX && frame->way == PROBE_SENT && !frame->keeps && !frame->parts &&
         !frame->quiet && frame->buffer != 0;
}

/* A large one whose pieces are looked at: of others each is told before the next can leave. */
INLINE int is_huge(const struct frame *frame) { return frame->size > HUGE_BYTES && is_large(frame); }

/* Words that are hashed at a time, by turns into four sums. */
#define BLOCK 32

/* Reads so many bytes, and zeros behind them to the end of a block. */
INLINE int read_piece(u64 *words, u64 length, u64 address) {
  u64 end = length / (8 * BLOCK) * BLOCK;
  /* The kernel wants to see that these fit. */
  asm volatile("if %0 <= 2016 goto +1\n%0 = 2016" : "+r"(end));
  __builtin_memset(words + end, 0, 8 * BLOCK);
  asm volatile("if %0 <= 16384 goto +1\n%0 = 16384" : "+r"(length));
  return bpf_probe_read_user(words, (u32)length, (void *)address) == 0;
}

struct hashing {
  const u64 *words;
  u64 one, two, three, four;
};

INLINE u64 mix(u64 hash, u64 word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

static long hash_block(u64 index, struct hashing *hashing) {
  u64 at = index * BLOCK, one = hashing->one, two = hashing->two, three = hashing->three, four = hashing->four;
  asm volatile("if %0 <= 2016 goto +1\n%0 = 2016" : "+r"(at));
  const u64 *words = hashing->words + at;
#pragma unroll
  for (u32 i = 0; i < BLOCK; i += 4) {
    one = mix(one, words[i]);
    two = mix(two, words[i + 1]);
    three = mix(three, words[i + 2]);
    four = mix(four, words[i + 3]);
  }
  hashing->one = one;
  hashing->two = two;
  hashing->three = three;
  hashing->four = four;
  return 0;
}

/* Of so many bytes that read_piece() has read. */
INLINE u64 hash_of(const u64 *words, u64 length) {
  struct hashing hashing = { words, length, 1, 2, 3 };
  bpf_loop((u32)((length + 8 * BLOCK - 1) / (8 * BLOCK)), hash_block, &hashing, 0);
  return mix(mix(mix(hashing.one, hashing.two), hashing.three), hashing.four);
}

/* Pieces that are to be looked at. */
struct looking {
  struct piece_key key; /* of the next one */
  u64 buffer;
  u64 size;
};

/* Answers whether the piece could be read. */
CHECKED_ALONE int look_at_piece(struct looking *looking) {
  struct piece piece;
  if (!looking || looking->key.at >= looking->size) return 0;
  struct scratch *scratch =
    bpf_task_storage_get(&scratches, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!scratch) return 0;
  piece.length = looking->size - looking->key.at;
  if (piece.length > PROBE_PIECE_MAX) piece.length = PROBE_PIECE_MAX;
  if (!read_piece(scratch->words, piece.length, looking->buffer + looking->key.at)) return 0;
  piece.hash = hash_of(scratch->words, piece.length);
  if (bpf_map_update_elem(&pieces, &looking->key, &piece, 0) != 0) return 0;
  looking->key.at += (u32)piece.length;
  return 1;
}

static long look_at_next(UNUSED u32 index, struct looking *looking) { return look_at_piece(looking) == 0; }

/* Tells the next piece, or the first bytes of it, if it is as it was when it was looked at. */
CHECKED_ALONE int tell_if_unchanged(struct telling *telling) {
  if (!telling) return 0;
  u64 length = telling->left > PROBE_PIECE_MAX ? PROBE_PIECE_MAX : telling->left;
  struct piece_key key = telling->piece;
  struct piece *before = bpf_map_lookup_elem(&pieces, &key);
  u64 whole = before ? before->length : length, hash = before ? before->hash : 0;
  int is_known = key.at >= telling->looked || (before && length <= whole);
  struct probe_data *data = is_known ? bpf_ringbuf_reserve(&ring, sizeof *data, 0) : 0;
  if (data) {
    fill_head(&data->head, PROBE_DATA, telling->flow, telling->time_ns, telling->offset);
    data->head.way = (u8)telling->way;
    data->head.length = (u32)length;
    int is_read = read_piece((u64 *)data->payload, whole, telling->buffer);
    if (is_read && (!before || hash_of((u64 *)data->payload, whole) == hash)) {
      telling->told += length;
      bpf_ringbuf_submit(data, BPF_RB_NO_WAKEUP);
    } else {
      bpf_ringbuf_discard(data, BPF_RB_NO_WAKEUP);
      tell_unread(telling, length);
    }
  } else if (!is_known) {
    tell_unread(telling, length);
  }
  bpf_map_delete_elem(&pieces, &key);
  telling->piece.at += (u32)length;
  telling->buffer += length;
  telling->offset += length;
  telling->left -= length;
  return 0;
}

static long tell_next_if_unchanged(UNUSED u32 index, struct telling *telling) {
  tell_if_unchanged(telling);
  return 0;
}

#endif
