// SPDX-License-Identifier: MIT
/** `@peculiar/x509` with the metadata polyfill that it asks its users to load first. @module */
import "reflect-metadata";
export * from "@peculiar/x509";
