// The address of the form of a training: data, preset, settings, and whether the corrections are used.
import { address } from "./router.js";

const PREFIX = "set."; // of a setting

/** The address of the form, filled in. */
export function recipeAddress({ data, preset, settings, corrected }) {
  const query = { data, preset, corrected: corrected ? "" : "no" };
  for (const [key, value] of Object.entries(settings)) query[PREFIX + key] = JSON.stringify(value);
  return address("train", [], query);
}

/** The settings in an address. */
export function settingsOf(query) {
  const settings = [...query].filter(([key]) => key.startsWith(PREFIX));
  return Object.fromEntries(settings.map(([key, value]) => [key.slice(PREFIX.length), JSON.parse(value)]));
}
