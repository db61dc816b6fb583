import { expect, test } from "vitest";
import { parseRange } from "./ip-range.ts";
import { checkRanges, judgeAddress } from "./network-rules.ts";

test.each([
  ["127.0.0.1", "127.0.0.0/8"],
  ["10.1.2.3", "10.0.0.0/8"],
  ["172.31.255.255", "172.16.0.0/12"],
  ["192.168.1.1", "192.168.0.0/16"],
  ["169.254.169.254", "169.254.0.0/16"],
  ["100.64.0.1", "100.64.0.0/10"],
  ["0.0.0.0", "0.0.0.0/8"],
  ["255.255.255.255", "240.0.0.0/4"],
  ["224.0.0.1", "224.0.0.0/4"],
  ["::1", "outside of 2000::/3"],
  ["::", "outside of 2000::/3"],
  ["fe80::1%eth0", "outside of 2000::/3"],
  ["fd00::1", "outside of 2000::/3"],
  ["2001:db8::1", "2001:db8::/32"],
  ["2002:7f00:1::", "2002::/16"],
  ["::ffff:127.0.0.1", "127.0.0.0/8"],
  ["::ffff:7f00:1", "127.0.0.0/8"],
  ["64:ff9b::10.0.0.1", "10.0.0.0/8"],
  ["localhost", "not an IP address"],
  ["0177.0.0.1", "not an IP address"],
  ["127.1", "not an IP address"],
])("uri-aimed-elsewhere: %s is denied unless it is listed", (address, deniedBy) => {
  expect(judgeAddress(address, 443, undefined)).toEqual({ kind: "denied", deniedBy });
  expect(judgeAddress(address, 443, { disableStrictNetworking: true })).toEqual({ kind: "permitted" });
});

test.each(["20.50.1.2", "172.32.0.1", "2603:1020:201:10::1", "::ffff:20.50.1.2", "64:ff9b::20.50.1.2"])(
  "%s is permitted, on 443 and 80 alone",
  (address) => {
    expect(judgeAddress(address, 443, {})).toEqual({ kind: "permitted" });
    expect(judgeAddress(address, 80, {})).toEqual({ kind: "permitted" });
    expect(judgeAddress(address, 8443, {})).toMatchObject({ kind: "denied" });
  },
);

test("a listed range is permitted and its neighbours are not; listed ports take the place of the two", () => {
  const rules = { allowedIpv4Addresses: ["10.1.0.0/16"], allowedIpv6Addresses: ["fd12::/16"] };
  expect(judgeAddress("10.1.255.4", 443, rules)).toEqual({ kind: "permitted" });
  expect(judgeAddress("::ffff:10.1.255.4", 443, rules)).toEqual({ kind: "permitted" });
  expect(judgeAddress("10.2.0.4", 443, rules)).toMatchObject({ kind: "denied" });
  expect(judgeAddress("fd12::9", 443, rules)).toEqual({ kind: "permitted" });
  expect(judgeAddress("fd13::9", 443, rules)).toMatchObject({ kind: "denied" });
  expect(judgeAddress("20.50.1.2", 443, { allowedPorts: [8443] })).toMatchObject({
    deniedBy: "port 443 is not in allowed_ports",
  });
});

test.each([
  "999.999.999.999/24",
  "10.0.0.0",
  "10.0.0.0/33",
  "10.0.0/8",
  "::1::/64",
  "fe80::%eth0/64",
  "g::/16",
  "1:2:3:4:5:6:7:8:9/128",
])("%s is no range", (text) => {
  expect(parseRange(text)).toBeUndefined();
  expect(checkRanges("allowed_ipv4_addresses", 4, [text])).toMatch(/^allowed_ipv4_addresses has an entry/);
});

test("a range of the other family and a list without end are refused", () => {
  expect(checkRanges("allowed_ipv4_addresses", 4, ["fd00::/8"])).toBeDefined();
  expect(checkRanges("allowed_ipv6_addresses", 6, ["fd00::/8", "::/0"])).toBeUndefined();
  expect(checkRanges("allowed_ipv4_addresses", 4, Array<string>(101).fill("10.0.0.0/8"))).toMatch(
    /more than 100/,
  );
});
