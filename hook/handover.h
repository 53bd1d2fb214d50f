/* SPDX-License-Identifier: MIT */
/* Handing a region to the agent. */
#ifndef SSLC_HANDOVER_H
#define SSLC_HANDOVER_H

#include "sys.h"

/* Sends the descriptor of a region of `length` bytes to the agent's socket. Tries once, never waits, leaves no descriptor of its own.
 * False: there is no agent, or none that belongs to root or this user, or it takes no more. */
bool handover(long file, uint64_t length, uint64_t rendezvous);

#endif
