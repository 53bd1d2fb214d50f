// SPDX-License-Identifier: MIT
/** Fields that let whoever reads them act as somebody else. @module */
import type { Field } from "./exchange.ts";

/** In the place of a secret. */
export const HIDDEN = "‹hidden, --show-secrets›";

const NAMES: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "authentication-info",
  "proxy-authentication-info",
  "cookie",
  "set-cookie",
  "set-cookie2",
  "sec-websocket-key",
  "x-amz-security-token",
  "x-goog-iam-authorization-token",
  "x-vault-token",
  "x-forwarded-client-cert",
]);
/** `X-Api-Key`, `Api-Token`, `X-CSRF-Token`, `X-Auth-Secret`, `x-access-token`, `X-Session-Id`, … */
const NAME =
  /(^|[-_])(api-?key|token|secret|password|passwd|credentials?|session(-?id)?|signature)$|(^|[-_])auth([-_]|$)/;

/** Whether the value of a field is nobody else's business. */
export function isSecret(name: string): boolean {
  const lower = name.toLowerCase();
  return NAMES.has(lower) || NAME.test(lower);
}

/** Parameters of a query that are secrets too. */
const PARAMETER =
  /([?&;](?:access_token|refresh_token|id_token|token|api_?key|apikey|key|sig|signature|password|passwd|secret|client_secret|code|auth|x-amz-signature|x-amz-security-token|x-amz-credential|x-goog-signature)=)[^&;#\s]+/gi;

/** A target without the secrets in its query. */
export function withoutSecrets(target: string): string {
  return target.replace(PARAMETER, "$1‹hidden›");
}

/** A field as it may be shown. */
export function shownField([name, value]: Field, showsSecrets: boolean): Field {
  if (showsSecrets) return [name, value];
  const isUrl = /^(referer|location|content-location|origin|link)$/i.test(name);
  return [name, isSecret(name) ? HIDDEN : isUrl ? withoutSecrets(value) : value];
}
