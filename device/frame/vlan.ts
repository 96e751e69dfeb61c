import { type BitStructure, bits, type Structure, struct, u16be } from 'buffer-layout';
import { offsetIn } from './layout.ts';

/** IEEE 802.1Q tag: what follows the source address of a tagged frame behind the TPID, network order. */
export interface VlanTag {
  tci: VlanTci;
  /** EtherType of the tagged frame. */
  type: number;
}

/** Tag control information: priority, drop eligibility, VLAN. */
export interface VlanTci {
  priority: number;
  dropEligible: number;
  id: number;
}

function tci(): BitStructure<VlanTci> {
  const word = bits<VlanTci>(u16be(), true, 'tci');
  word.addField(3, 'priority');
  word.addField(1, 'dropEligible');
  word.addField(12, 'id');
  return word;
}

export const vlanLayout: Structure<VlanTag> = struct<VlanTag>([tci(), u16be('type')]);

export const VLAN_TCI: number = offsetIn(vlanLayout, 'tci');
export const VLAN_TYPE: number = offsetIn(vlanLayout, 'type');
/** Bytes that a tag adds to a frame (Linux: `VLAN_HLEN`). */
export const VLAN_HLEN: number = vlanLayout.span;
export const VLAN_ID_MASK = 0x0fff;
