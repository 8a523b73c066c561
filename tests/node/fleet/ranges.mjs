// Numbers in the order of arrival, as ranges [first, last]. One that does not follow begins a range of its own, also where it repeats one.
export function append(ranges, number) {
  const last = ranges.at(-1);
  if (last && last[1] + 1 === number) last[1] = number;
  else ranges.push([number, number]);
}

export const has = (ranges, number) => ranges.some(([first, last]) => first <= number && number <= last);
