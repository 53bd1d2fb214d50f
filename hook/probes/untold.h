/* SPDX-License-Identifier: MIT */
/* What is lost of sessions that are not open, by program and reason: of open ones gaps tell. */
#ifndef SSLC_PROBES_UNTOLD_H
#define SSLC_PROBES_UNTOLD_H

#include "telling.h"

/* Counts bytes of a session, of which the program runs. */
CHECKED_ALONE int lose_untold(const struct probe_session_key *session, u32 reason, u32 is_to_client, u64 length) {
  struct probe_books *books = the_books();
  if (!session || !books) return 0;
  struct probe_untold fresh = { 0 };
  fill_program(&fresh.program, session->pid);
  struct probe_untold_key key = { fresh.program.started_ns, session->pid, reason };
  bpf_map_update_elem(&untold, &key, &fresh, BPF_NOEXIST);
  struct probe_untold *losing = bpf_map_lookup_elem(&untold, &key);
  if (losing) count(is_to_client ? &losing->to_client : &losing->to_server, length);
  else count(&books->unplaced, length);
  count(&books->untold, length);
  return 0;
}

/* Counts bytes of a session that has a place; `what` is a way, and 2 more where nobody could see who tells the session. */
CHECKED_ALONE int lose_unopened(const struct probe_session_key *key, struct probe_session *session, u32 what, u64 length) {
  if (!key || !session) return 0;
  u32 number = session->library;
  struct probe_library *library = bpf_map_lookup_elem(&libraries, &number);
  if (!library) return 0;
  u32 is_server = role_of(library, key->session, session->socket) == PROBE_SERVER;
  u32 is_sent = (what & 1) == PROBE_SENT;
  u32 reason = what & 2 ? PROBE_NO_TELLER : has_no_role(library, session) ? PROBE_NO_ROLE : PROBE_NO_ROOM;
  lose_untold(key, reason, is_sent == is_server, length);
  return 0;
}

#endif
