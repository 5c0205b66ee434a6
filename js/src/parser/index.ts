/** The parser that is used unless another one is given. The build for MessagePack has the other one here. */

export { Decoder, Encoder } from "./json";
