import {
  createTheme,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  type MantineThemeOverride,
} from "@mantine/core";

/** Cast brass: the product's own colour, and "being brought up". */
const brass: MantineColorsTuple = [
  "#fbf4e4",
  "#f3e5c3",
  "#e9d09a",
  "#dfbb70",
  "#d6a94e",
  "#c9973a",
  "#b07f28",
  "#8f651b",
  "#6f4d12",
  "#50370b",
];

/** Verdigris, the colour copper settles into: up and well. */
const verdigris: MantineColorsTuple = [
  "#e8f6f1",
  "#cbe9df",
  "#9fd6c5",
  "#74c3ab",
  "#51b296",
  "#379c80",
  "#24826a",
  "#196854",
  "#114f40",
  "#0a382d",
];

/** Ember: failed, and what cannot be taken back. */
const ember: MantineColorsTuple = [
  "#fdeeea",
  "#f9d4cb",
  "#f3ab9b",
  "#ee8571",
  "#e9674f",
  "#d94f36",
  "#bd3c25",
  "#962d1a",
  "#702011",
  "#4d150a",
];

/** Slate blue: for facts beside the machine's health (local disks, menus, bytes). */
const steel: MantineColorsTuple = [
  "#edf3f9",
  "#d3e2ef",
  "#a9c6df",
  "#80aacd",
  "#5f93bd",
  "#487dab",
  "#376791",
  "#2a5174",
  "#1e3d58",
  "#132a3f",
];

/** Warm greys for the light theme. */
const gray: MantineColorsTuple = [
  "#f7f6f3",
  "#efede8",
  "#e4e1da",
  "#d6d2c9",
  "#bdb9b0",
  "#97948d",
  "#74726d",
  "#565551",
  "#3a3a37",
  "#232322",
];

/** Graphite for the dark theme: index 0 is text, 7 the page, 6 raised surfaces, 4 lines. */
const dark: MantineColorsTuple = [
  "#e7e5e0",
  "#b9babb",
  "#9a9da0",
  "#63686d",
  "#30353a",
  "#272b2f",
  "#1d2023",
  "#141618",
  "#101113",
  "#0b0c0d",
];

const SYSTEM_FONT =
  'system-ui, -apple-system, "Segoe UI", "Inter", "Cantarell", "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif';
const SYSTEM_MONO =
  'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "Noto Sans Mono", "DejaVu Sans Mono", monospace';

/** The console's Mantine theme: quiet metal colours, small type, tight spacing, fonts of the reader's own system. */
export const theme: MantineThemeOverride = createTheme({
  colors: { brass, verdigris, ember, steel, gray, dark },
  primaryColor: "brass",
  primaryShade: { light: 7, dark: 4 },
  autoContrast: true,
  luminanceThreshold: 0.38,
  fontFamily: SYSTEM_FONT,
  fontFamilyMonospace: SYSTEM_MONO,
  fontSizes: { xs: "0.6875rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  spacing: { xs: "0.375rem", sm: "0.625rem", md: "0.875rem", lg: "1.25rem", xl: "1.75rem" },
  radius: { xs: "2px", sm: "4px", md: "6px", lg: "8px", xl: "12px" },
  defaultRadius: "sm",
  headings: { fontFamily: SYSTEM_FONT, fontWeight: "600" },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 250, withArrow: false, multiline: true, maw: 360, fz: "sm" } },
    Button: { defaultProps: { size: "xs" } },
    TextInput: { defaultProps: { size: "xs" } },
    Select: { defaultProps: { size: "xs", allowDeselect: false, checkIconPosition: "right" } },
    SegmentedControl: { defaultProps: { size: "xs" } },
    Drawer: { defaultProps: { transitionProps: { duration: 160 } } },
    Modal: { defaultProps: { centered: true, radius: "md", transitionProps: { duration: 120 } } },
  },
});

/** The console's own variables beside Mantine's, for both schemes; every colour in the style sheets comes from here. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  dark: {
    "--page": "#141618",
    "--surface": "#1a1c1f",
    "--raised": "#212428",
    "--line": "#2b2f33",
    "--line-strong": "#3b4046",
    "--text": "#e7e5e0",
    "--text-2": "#abaeb0",
    "--text-3": "#868b90",
    "--boot": "#dcae52",
    "--boot-text": "#e6bd6c",
    "--up": "#4fb598",
    "--up-text": "#6fcbb1",
    "--failed": "#e9674f",
    "--failed-text": "#f58f7b",
    "--off": "#5f656b",
    "--off-text": "#9a9da0",
    "--info": "#6f9ec8",
    "--info-text": "#8db6da",
    "--track": "#24272b",
    "--track-ink": "#0d0e10",
    "--shadow": "0 8px 28px rgb(0 0 0 / 45%)",
    "--mantine-color-body": "#141618",
    "--mantine-color-text": "#e7e5e0",
    "--mantine-color-dimmed": "#abaeb0",
    "--mantine-color-default": "#1f2226",
    "--mantine-color-default-hover": "#262a2e",
    "--mantine-color-default-border": "#343940",
  },
  light: {
    "--page": "#f4f2ed",
    "--surface": "#fcfbf9",
    "--raised": "#ffffff",
    "--line": "#e3e0d8",
    "--line-strong": "#cbc7bc",
    "--text": "#1f2122",
    "--text-2": "#54585b",
    "--text-3": "#6c6f72",
    "--boot": "#c79331",
    "--boot-text": "#865c0d",
    "--up": "#3c9c81",
    "--up-text": "#17694f",
    "--failed": "#d4462c",
    "--failed-text": "#b3331b",
    "--off": "#a9a69e",
    "--off-text": "#6c6f72",
    "--info": "#4d83b3",
    "--info-text": "#2d608e",
    "--track": "#e9e6de",
    "--track-ink": "#ffffff",
    "--shadow": "0 8px 28px rgb(60 50 30 / 14%)",
    "--mantine-color-body": "#f4f2ed",
    "--mantine-color-text": "#1f2122",
    "--mantine-color-dimmed": "#54585b",
    "--mantine-color-default": "#ffffff",
    "--mantine-color-default-hover": "#f7f5f0",
    "--mantine-color-default-border": "#d6d2c8",
  },
});
