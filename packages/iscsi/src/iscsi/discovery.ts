import { MAX_LOGIN_SEGMENT_BYTES } from "../limits.ts";
import type { DiscoveredTarget } from "../directory.ts";
import { NO_TAG } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";
import type { FramedPdu } from "./framer.ts";
import { parseNumber } from "./text-keys.ts";
import { formatTextKeys, parseTextKeys, TextCollector } from "./text-keys.ts";
import type { TextKey } from "./text-keys.ts";
import { decodeTextRequest, putTextResponse } from "./text-pdu.ts";
import type { SessionParameters } from "./negotiation.ts";

/** What the text phase needs from outside. */
export interface DiscoveryDeps {
  /** `address:port,tag` of our portals, for targets that are not said to have others. */
  readonly addresses: readonly string[];
  /** The session's own target; absent in a discovery session. */
  readonly targetName: string | undefined;
  list(): Promise<readonly DiscoveredTarget[]>;
}

/** A Text Response that is ready but for its numbers. */
export interface TextReply {
  readonly data: Uint8Array;
  put(bytes: Uint8Array, at: number, sequence: Sequence): void;
}

/** The tag of a text answer that goes on; there is one at a time. */
const CONTINUATION_TAG = 1;

/**
 * Text requests in full feature phase (RFC 7143 §11.10): SendTargets, and a new declaration of MaxRecvDataSegmentLength. A list that is longer
 * than the initiator takes at once goes out in parts, each asked for with an empty request.
 */
export class Discovery {
  readonly #deps: DiscoveryDeps;
  readonly #text = new TextCollector();
  #rest: Uint8Array | undefined;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
  }

  /** Answers one Text Request; rejects with `IscsiError` when its text is malformed. May change `parameters`. */
  async answer(pdu: FramedPdu, parameters: Readonly<SessionParameters>): Promise<TextReply> {
    const { final, more, initiatorTaskTag, targetTransferTag } = decodeTextRequest(pdu.bytes, pdu.at);
    this.#text.add(pdu.bytes.subarray(pdu.dataAt, pdu.dataAt + pdu.dataLength));
    const limit = Math.min(parameters.maxSendDataSegmentLength, MAX_LOGIN_SEGMENT_BYTES);
    if (more)
      return reply(new Uint8Array(0), {
        final: false,
        more: false,
        initiatorTaskTag,
        targetTransferTag: CONTINUATION_TAG,
      });
    if (targetTransferTag === NO_TAG || this.#rest === undefined) {
      this.#rest = formatTextKeys(await this.#answerKeys(parseTextKeys(this.#text.take())));
    }
    const data = this.#rest.subarray(0, limit);
    const goesOn = data.length < this.#rest.length;
    this.#rest = goesOn ? this.#rest.subarray(limit) : undefined;
    return reply(data, {
      final: final && !goesOn,
      more: goesOn,
      initiatorTaskTag,
      targetTransferTag: goesOn || !final ? CONTINUATION_TAG : NO_TAG,
    });
  }

  async #answerKeys(keys: readonly TextKey[]): Promise<TextKey[]> {
    const answers: TextKey[] = [];
    for (const [name, value] of keys) {
      if (name === "SendTargets") answers.push(...(await this.#sendTargets(value)));
      else if (name === "MaxRecvDataSegmentLength" && parseNumber(value, 512, 0xff_ffff) !== undefined) continue;
      else answers.push([name, "NotUnderstood"]);
    }
    return answers;
  }

  /**
   * `All` or a name in a discovery session; nothing, or its own name, in a normal one, which hears of no other target
   * (RFC 7143 appendix C).
   */
  async #sendTargets(wanted: string): Promise<TextKey[]> {
    const own = this.#deps.targetName;
    if (own !== undefined) {
      if (wanted !== "" && wanted !== own) return [["SendTargets", "Reject"]];
      const listed = (await this.#deps.list()).find(({ targetName }) => targetName === own);
      // A name that is given for one boot is not listed, but it is there: the session proves it.
      return this.#describe(listed ?? { targetName: own });
    }
    if (wanted === "") return [["SendTargets", "Reject"]];
    const targets = await this.#deps.list();
    return targets
      .filter(({ targetName }) => wanted === "All" || targetName === wanted)
      .flatMap((target) => this.#describe(target));
  }

  #describe({ targetName, portals }: DiscoveredTarget): TextKey[] {
    const addresses = portals?.map((portal) => (portal.includes(",") ? portal : `${portal},1`)) ?? this.#deps.addresses;
    return [["TargetName", targetName], ...addresses.map((address) => ["TargetAddress", address] as const)];
  }
}

function reply(
  data: Uint8Array,
  fields: { final: boolean; more: boolean; initiatorTaskTag: number; targetTransferTag: number },
): TextReply {
  return {
    data,
    put: (bytes, at, sequence) => putTextResponse(bytes, at, { ...fields, ...sequence, dataLength: data.length }),
  };
}
