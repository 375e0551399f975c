// The theme that was chosen, set before the page is painted: "light", "dark", or none for that of the system.
{
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
