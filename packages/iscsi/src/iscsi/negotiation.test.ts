import { expect, test } from "vitest";
import { defaultParameters, negotiate, settle } from "./negotiation.ts";

test.each([
  // key, offered, answer: RFC 7143 §13's result functions with our side of each
  ["InitialR2T", "Yes", "Yes"],
  ["InitialR2T", "No", "No"],
  ["ImmediateData", "Yes", "Yes"],
  ["ImmediateData", "No", "No"],
  ["MaxConnections", "8", "1"],
  ["MaxBurstLength", "16776192", "1048576"],
  ["MaxBurstLength", "262144", "262144"],
  ["MaxBurstLength", "0x40000", "262144"],
  ["FirstBurstLength", "65536", "65536"],
  ["FirstBurstLength", "16777215", "262144"],
  ["FirstBurstLength", "1000", "512"],
  ["DefaultTime2Wait", "0", "0"],
  ["DefaultTime2Wait", "5", "5"],
  ["DefaultTime2Retain", "20", "0"],
  ["MaxOutstandingR2T", "1", "1"],
  ["MaxOutstandingR2T", "16", "8"],
  ["DataPDUInOrder", "No", "Yes"],
  ["DataSequenceInOrder", "Yes", "Yes"],
  ["ErrorRecoveryLevel", "2", "0"],
  ["HeaderDigest", "None", "None"],
  ["HeaderDigest", "None,CRC32C", "None"],
  ["HeaderDigest", "CRC32C,None", "CRC32C"],
  ["DataDigest", "X-private,CRC32C", "CRC32C"],
  ["DataDigest", "X-private", "Reject"],
  ["IFMarker", "No", "No"],
  ["OFMarker", "Yes", "No"],
  ["MaxBurstLength", "511", "Reject"],
  ["MaxBurstLength", "many", "Reject"],
  ["InitialR2T", "yes", "Reject"],
  ["ErrorRecoveryLevel", "-1", "Reject"],
  ["X-com.example.key", "1", "NotUnderstood"],
  ["toString", "1", "NotUnderstood"],
])("%s=%s is answered %s", (key, offered, answer) => {
  expect(negotiate(key, offered, defaultParameters(), false)).toBe(answer);
});

test("MaxRecvDataSegmentLength is taken, not answered", () => {
  const parameters = defaultParameters();
  expect(negotiate("MaxRecvDataSegmentLength", "65536", parameters, false)).toBeUndefined();
  expect(parameters.maxSendDataSegmentLength).toBe(65_536);
  expect(negotiate("MaxRecvDataSegmentLength", "100", parameters, false)).toBe("Reject");
});

test("iPXE's keys are never answered with Reject", () => {
  const keys = {
    HeaderDigest: "None",
    DataDigest: "None",
    MaxConnections: "1",
    InitialR2T: "Yes",
    ImmediateData: "No",
    MaxRecvDataSegmentLength: "8192",
    MaxBurstLength: "262144",
    FirstBurstLength: "65536",
    DefaultTime2Wait: "0",
    DefaultTime2Retain: "0",
    MaxOutstandingR2T: "1",
    DataPDUInOrder: "Yes",
    DataSequenceInOrder: "Yes",
    ErrorRecoveryLevel: "0",
  };
  const parameters = defaultParameters();
  const answers = Object.entries(keys).map(([key, value]) => negotiate(key, value, parameters, false));
  expect(answers).not.toContain("Reject");
  expect(parameters).toMatchObject({
    initialR2T: true,
    immediateData: false,
    maxSendDataSegmentLength: 8192,
    maxOutstandingR2T: 1,
  });
});

test("a discovery session calls data keys irrelevant", () => {
  expect(negotiate("InitialR2T", "No", defaultParameters(), true)).toBe("Irrelevant");
  expect(negotiate("HeaderDigest", "None", defaultParameters(), true)).toBe("None");
});

test("FirstBurstLength ends at MaxBurstLength", () => {
  const parameters = { ...defaultParameters(), maxBurstLength: 8192, firstBurstLength: 65_536 };
  settle(parameters);
  expect(parameters.firstBurstLength).toBe(8192);
});
