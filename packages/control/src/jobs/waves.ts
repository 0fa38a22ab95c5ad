/**
 * Which wave, from 0, each of `count` machines belongs to, where waves end at these shares in percent. A wave that would be empty
 * because there are so few machines gets one, as long as there are any left.
 */
export function assignWaves(count: number, shares: readonly number[]): number[] {
  const waves: number[] = [];
  shares.forEach((share, wave) => {
    const end = wave === shares.length - 1 ? count : Math.ceil((count * share) / 100);
    while (waves.length < Math.min(count, Math.max(end, waves.length + (waves.includes(wave) ? 0 : 1))))
      waves.push(wave);
  });
  return waves;
}
