// The address of the form of a training: data, preset, settings, and whether the corrections are used.
import { address } from "./router.js";

const PREFIX = "set."; // of a setting

/** The address of the form, filled in. */
export function recipeAddress({ data, preset, settings, corrected }) {
  const query = { data, preset, corrected: corrected ? "" : "no" };
  for (const [key, value] of Object.entries(settings)) query[PREFIX + key] = JSON.stringify(value);
  return address("train", [], query);
}

/** The settings in an address, of those that there are (`known`, a list of names), and what cannot be read, in words. */
export function settingsOf(query, known) {
  const settings = {}, faults = [];
  for (const [key, value] of [...query].filter(([each]) => each.startsWith(PREFIX))) {
    const name = key.slice(PREFIX.length);
    if (!known.includes(name)) {
      faults.push(`There is no setting ${name}.`);
      continue;
    }
    try {
      settings[name] = JSON.parse(value);
    } catch {
      faults.push(`${name} = ${value}: is not valid in an address; write a number, true, false, null, or a word in double quotes.`);
    }
  }
  return { settings, faults };
}
