// Pure: how files are put into requests, and what the numbers are called.
// Requests are small, because only a whole one is kept: what a slow line loses when it breaks is at most three of them.

export const MAX_BYTES = 4 * 1024 * 1024;
export const MAX_FILES = 200;

// Small files travel together, a file larger than the limit alone; the order is kept.
export function batchesOf(items, maxBytes = MAX_BYTES, maxFiles = MAX_FILES) {
  const batches = [];
  let batch = [];
  let bytes = 0;
  for (const item of items) {
    const full = batch.length >= maxFiles || bytes + item.file.size > maxBytes;
    if (batch.length && full) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += item.file.size;
  }
  if (batch.length) batches.push(batch);
  return batches;
}

export const bytesOf = (items) => items.reduce((sum, item) => sum + item.file.size, 0);

export function size(bytes) {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

export function time(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

// Bytes per second over the last seconds: samples are [milliseconds, bytes sent until then].
export function rateOf(samples, windowMs = 5000) {
  if (samples.length < 2) return 0;
  const [nowMs, now] = samples.at(-1);
  const [thenMs, then] = samples.find(([ms]) => nowMs - ms <= windowMs) ?? samples[0];
  return nowMs > thenMs ? ((now - then) * 1000) / (nowMs - thenMs) : 0;
}

export const files = (number) => (number === 1 ? "1 file" : `${number} files`);
