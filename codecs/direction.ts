// SPDX-License-Identifier: MIT
/** Directions of a flow's bytes, for every room: the codec contract numbers them. @module */

/** Client to server. */
export const TO_SERVER = 0;
/** Server to client. */
export const TO_CLIENT = 1;
/** Which way bytes of a flow went. */
export type Direction = typeof TO_SERVER | typeof TO_CLIENT;
