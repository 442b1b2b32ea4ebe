// One sharp pipeline that turns a file upright and fits it into a box. Gets a message { path, sidePx, quality, repeats } and answers
// with the processor time of this process for one picture, ms.
import sharp from 'sharp';

// As in a converter child.
sharp.cache(false);
sharp.concurrency(1);

process.on('message', async ({ path, sidePx, quality, repeats }) => {
  const box = { width: sidePx, height: sidePx, fit: 'inside', withoutEnlargement: true };
  const before = process.cpuUsage();
  for (let repeat = 0; repeat < repeats; repeat++)
    await sharp(path).autoOrient().resize(box).jpeg({ quality }).toBuffer();
  const { user, system } = process.cpuUsage(before);
  process.send({ cpuMs: (user + system) / 1000 / repeats });
});
process.send('ready');
