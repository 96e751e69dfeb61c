import type { Entropy } from '../../random.ts';
import type { Impairment } from './impairment.ts';

/** Decides which frames of one direction are lost; its only state is where the burst model stands. */
export class LossModel {
  /** The Gilbert-Elliott model is in its bad state. */
  bad = false;

  /** Whether the next frame is lost. The burst model looks at its state first and changes it then, as netem's does. */
  lost(impairment: Impairment, entropy: Entropy): boolean {
    const { burst } = impairment;
    if (burst === null) {
      this.bad = false;
      return entropy.chance(impairment.loss);
    }
    const lost = entropy.chance(this.bad ? (burst.lossInBad ?? 1) : (burst.lossInGood ?? 0));
    if (entropy.chance(this.bad ? burst.leaveBad : burst.enterBad)) this.bad = !this.bad;
    return entropy.chance(impairment.loss) || lost;
  }
}
