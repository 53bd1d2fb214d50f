// SPDX-License-Identifier: MIT
/** Markup as tagged templates: `htm` over `preact`. @module */
import htm from "htm";
import { h, type VNode } from "preact";

type Tag = (strings: TemplateStringsArray, ...values: unknown[]) => VNode;

// htm's declarations are those of its CommonJS form, which has the function below `default`.
export const html: Tag = (htm as unknown as typeof htm.default).bind(h) as Tag;
