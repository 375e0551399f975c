// What a query or an event gives is an HTML element here: the pages hold nothing else.
interface Element extends HTMLOrSVGElement {
  title: string;
  offsetTop: number;
}
interface EventTarget extends Pick<HTMLInputElement, "closest" | "dataset" | "matches" | "checked" | "files" | "className"> {
  value: any;
}
