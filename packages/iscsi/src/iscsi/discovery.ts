import { MAX_LOGIN_SEGMENT_BYTES } from "../limits.ts";
import type { DiscoveredTarget } from "../directory.ts";
import { NO_TAG } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";
import type { FramedPdu } from "./framer.ts";
import { negotiate } from "./negotiation.ts";
import type { SessionParameters } from "./negotiation.ts";
import { RejectReason } from "./reject.ts";
import { formatTextKeys, parseTextKeys, TextCollector } from "./text-keys.ts";
import type { TextKey } from "./text-keys.ts";
import { decodeTextRequest, putTextResponse } from "./text-pdu.ts";
import type { TextRequest } from "./text-pdu.ts";

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
  /** What is still to be sent of an answer. */
  #rest: Uint8Array | undefined;
  /** Whether our last answer asked for another request. */
  #goesOn = false;
  #isAnswering = false;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
  }

  /**
   * Answers one Text Request, or says why it is rejected: only one may be open on a connection, and only our last tag continues a
   * negotiation (RFC 7143 §11.10). Rejects with `IscsiError` when the text is malformed. May change `parameters`.
   */
  answer(pdu: FramedPdu, parameters: SessionParameters): Promise<TextReply> | RejectReason {
    const request = decodeTextRequest(pdu.bytes, pdu.at);
    if (this.#isAnswering || (request.more && request.final)) return RejectReason.protocolError;
    const continues = request.targetTransferTag !== NO_TAG;
    if (continues && (request.targetTransferTag !== CONTINUATION_TAG || !this.#goesOn))
      return RejectReason.invalidPduField;
    if (!continues) {
      // A new negotiation: what was not finished is forgotten.
      this.#text.take();
      this.#rest = undefined;
    }
    this.#text.add(pdu.bytes.subarray(pdu.dataAt, pdu.dataAt + pdu.dataLength));
    this.#isAnswering = true;
    return this.#answerLater(request, parameters).finally(() => (this.#isAnswering = false));
  }

  async #answerLater(request: TextRequest, parameters: SessionParameters): Promise<TextReply> {
    const { final, more, initiatorTaskTag } = request;
    const limit = Math.min(parameters.maxSendDataSegmentLength, MAX_LOGIN_SEGMENT_BYTES);
    let data: Uint8Array = new Uint8Array(0);
    let isPart = false;
    if (!more) {
      this.#rest ??= formatTextKeys(await this.#answerKeys(parseTextKeys(this.#text.take()), parameters));
      data = this.#rest.subarray(0, limit);
      isPart = data.length < this.#rest.length;
      this.#rest = isPart ? this.#rest.subarray(limit) : undefined;
    }
    this.#goesOn = isPart || !final;
    const targetTransferTag = this.#goesOn ? CONTINUATION_TAG : NO_TAG;
    return reply(data, { final: final && !isPart, more: isPart, initiatorTaskTag, targetTransferTag });
  }

  async #answerKeys(keys: readonly TextKey[], parameters: SessionParameters): Promise<TextKey[]> {
    const answers: TextKey[] = [];
    for (const [name, value] of keys) {
      if (name === "SendTargets") answers.push(...(await this.#sendTargets(value)));
      else if (name === "MaxRecvDataSegmentLength") answers.push(...declare(name, value, parameters));
      else answers.push([name, "NotUnderstood"]);
    }
    return answers;
  }

  /**
   * `All` or a name in a discovery session; nothing, or its own name, in a normal one (RFC 7143 appendix C). Initiators ask for `All` there, too:
   * all that a normal session may hear of is its own target.
   */
  async #sendTargets(wanted: string): Promise<TextKey[]> {
    const own = this.#deps.targetName;
    if (own !== undefined) {
      if (wanted !== "" && wanted !== "All" && wanted !== own) return [["SendTargets", "Reject"]];
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

/** The one parameter that may change in full feature phase (RFC 7143 §13.12). */
function declare(name: string, value: string, parameters: SessionParameters): TextKey[] {
  const answer = negotiate(name, value, parameters, false);
  return answer === undefined ? [] : [[name, answer]];
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
