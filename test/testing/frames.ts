import { ETH_DESTINATION, ETH_HLEN, ETH_SOURCE, ETH_TYPE } from '../../device/frame/ethernet.ts';
import { type MacAddress, setMac } from '../../device/frame/mac.ts';

/** EtherType for local experiments (IEEE 802): no protocol's. */
export const ETH_P_EXPERIMENT = 0x88b5;

/** An Ethernet frame with zeros behind `payload`, `length` bytes in all with its header; by default as long as it must be. */
export function etherFrame(
  destination: MacAddress,
  source: MacAddress,
  type = ETH_P_EXPERIMENT,
  payload: Uint8Array = new Uint8Array(0),
  length = ETH_HLEN + payload.length,
): Buffer {
  const frame = Buffer.alloc(length);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  setMac(view, ETH_DESTINATION, destination);
  setMac(view, ETH_SOURCE, source);
  view.setUint16(ETH_TYPE, type);
  frame.set(payload, ETH_HLEN);
  return frame;
}
