/** Library entry: what plugin authors and users of the library import. @module */
export * from "./codecs/codec.ts";
