/** Coordinates as people copy them from other maps. */

/**
 * Two numbers as pasted: `lon, lat`, either way round where only one reading is possible, or x and y
 * of a projected system.
 * @param {string} text @param {string} crs
 * @returns {{lon: number, lat: number}|null}
 */
export function pasted(text, crs) {
  const found = /^\s*[([（]?\s*(-?\d+(?:\.\d+)?)\s*[,，;；\s]\s*(-?\d+(?:\.\d+)?)\s*[)\]）]?\s*$/.exec(text);
  if (!found) return null;
  const [first, second] = [Number(found[1]), Number(found[2])];
  if (crs.startsWith("EPSG:")) return { lon: first, lat: second };
  if (Math.abs(second) > 90 && Math.abs(second) <= 180 && Math.abs(first) <= 90) return { lon: second, lat: first };
  return Math.abs(first) <= 180 && Math.abs(second) <= 90 ? { lon: first, lat: second } : null;
}
