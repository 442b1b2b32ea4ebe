// What is said when text in drawings cannot be drawn: once a process, however often children tell of it.
import type { Logger } from '../kernel/ports/logger.js';

/** What to install on Debian and Ubuntu: letters of Europe, and what stands in for Arial, Times and Courier. */
const FONT_PACKAGES = 'fontconfig-config, fonts-dejavu-core, fonts-liberation';

/** To be told whether text was drawn. */
export function warnsOfText(logger: Logger): (drawn: boolean) => void {
  let warned = false;
  return (drawn) => {
    if (drawn || warned) return;
    warned = true;
    logger.warn({ packages: FONT_PACKAGES }, 'text in SVG sources is drawn as empty boxes: this machine has no fonts');
  };
}
