/** Directions of a flow, as the codec contract numbers them; `net/` takes only types from there. @module */

/** Client to server. */
export const TO_SERVER = 0;
/** Server to client. */
export const TO_CLIENT = 1;
