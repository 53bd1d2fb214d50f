// SPDX-License-Identifier: MIT
/** What the first packet of a lane says about it to people. @module */
import { type FlowKey, formatFlowKey } from "../wire/flow_key.ts";
import { communityId } from "./community_id.ts";

/**
 * What ties a lane to its flow: behind what the codec calls it, its 5-tuple and Community ID as they are forged, and all that
 * the flow's own comment, `flow`, says. A flow may have no packet but those of its lanes.
 */
export function describeLane(comment: string, lane: FlowKey, flow: string): string {
  return `${comment} lane=${formatFlowKey(lane)} lane-community-id=${communityId(lane)} ${flow}`;
}
