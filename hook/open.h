/* SPDX-License-Identifier: MIT */
/* The `open` record: who talks to whom in a flow. */
#ifndef SSLC_OPEN_H
#define SSLC_OPEN_H

#include "library.h"
#include "ring.h"
#include "session.h"

/* Learns the address from the hello that the session began with, which is remembered for a while only. Needs session->opening. */
void open_learn(const struct flow_use *use, struct session *session);

/* Publishes what is known of the session now; with `update` only if that is an address. Sets SESSION_ADDRESSED when an
 * address was told. Needs session->opening. False when the ring had no room. Leaves errno and the error queue alone. */
bool open_publish(struct ring_view *view, const struct flow_use *use, struct session *session, bool update,
                  uint64_t time_ns);

#endif
