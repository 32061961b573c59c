// Tells the server the reader's time zone, so that times are written in it.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && /^[\w+/-]+$/.test(zone) && !document.cookie.includes(`coreqc_zone=${zone}`)) {
  document.cookie = `coreqc_zone=${zone}; path=/; max-age=${365 * 24 * 60 * 60}; samesite=lax`;
}
