/* SPDX-License-Identifier: MIT */
/* The addresses of a socket. */
#ifndef SSLC_ADDRESS_H
#define SSLC_ADDRESS_H

#include "record.h"
#include "sys.h"

/* Both ends of `fd` if it is a connected IPv4 or IPv6 socket and no filter is known to be in force; `grade` is stored as
 * given. Of a Unix socket the family alone, unless it was used inside a TLS call only: that may have been for anything, a
 * name service say. False, and an all-zero address, otherwise. */
bool address_of(int fd, enum sslc_grade grade, struct sslc_address *address);

#endif
