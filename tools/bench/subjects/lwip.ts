import { leaveOut, type Placement, type Subject } from '../subject.ts';
export async function startLwip(_placement: Placement): Promise<Subject | undefined> {
  return leaveOut('lwIP', 'not yet');
}
