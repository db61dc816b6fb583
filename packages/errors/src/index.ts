export { CATALOGUE, type ErrorClass, type ErrorCode, type RetryClass } from "./catalogue.ts";
export {
  assertNever,
  type ErrorDetails,
  type ErrorReport,
  KeyferryError,
  toKeyferryError,
} from "./keyferry-error.ts";
