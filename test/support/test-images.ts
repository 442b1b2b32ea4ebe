// Sources that tests of the HTTP edge upload, made on the spot.
import sharp from 'sharp';

/** A JPEG of one colour; different colours are different bytes. */
export function jpegOf(width: number, height: number, colour = '#336699'): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: colour } })
    .jpeg()
    .toBuffer();
}

/** A PNG that is half transparent everywhere. */
export function translucentPng(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 4, background: { r: 200, g: 30, b: 60, alpha: 0.5 } } })
    .png()
    .toBuffer();
}
