/** Machines that stand together on the wall. */
export interface WallGroup {
  readonly name: string;
  readonly ids: readonly string[];
}

/** Where a group stands on the wall, in pixels; its machines fill `columns` columns below the label, row by row. */
interface WallBlock extends WallGroup {
  readonly x: number;
  readonly y: number;
  readonly columns: number;
}

/** The wall: how large one machine is, and where each group stands. */
export interface WallLayout {
  readonly cellPx: number;
  readonly heightPx: number;
  readonly blocks: readonly WallBlock[];
}

/** Room for a group's name above its machines. */
export const WALL_LABEL_PX = 15;
const GAP_PX = 14;
const LARGEST_CELL_PX = 34;
const SMALLEST_CELL_PX = 7;

/**
 * Puts groups side by side, each as square as it gets, with the largest cells that let everything fit into the given room.
 * Where even the smallest do not fit, the wall is higher than the room and scrolls.
 */
export function layoutWall(groups: readonly WallGroup[], widthPx: number, heightPx: number): WallLayout {
  for (let cellPx = LARGEST_CELL_PX; cellPx > SMALLEST_CELL_PX; cellPx -= 1) {
    const layout = flow(groups, widthPx, cellPx);
    if (layout.heightPx <= heightPx) return layout;
  }
  return flow(groups, widthPx, SMALLEST_CELL_PX);
}

/** The machine at a point of the wall; `undefined` between machines. */
export function machineAt(layout: WallLayout, x: number, y: number): string | undefined {
  const { cellPx } = layout;
  for (const block of layout.blocks) {
    const column = Math.floor((x - block.x) / cellPx);
    const row = Math.floor((y - block.y - WALL_LABEL_PX) / cellPx);
    if (column < 0 || row < 0 || column >= block.columns) continue;
    const id = block.ids[row * block.columns + column];
    if (id !== undefined) return id;
  }
  return undefined;
}

function flow(groups: readonly WallGroup[], widthPx: number, cellPx: number): WallLayout {
  const blocks: WallBlock[] = [];
  const mostColumns = Math.max(1, Math.floor(widthPx / cellPx));
  let x = 0;
  let y = 0;
  let lineHeight = 0;
  for (const group of groups) {
    const columns = Math.min(
      mostColumns,
      Math.max(1, Math.ceil(Math.sqrt(group.ids.length * squareness(group.ids.length)))),
    );
    const rows = Math.ceil(group.ids.length / columns);
    const width = columns * cellPx;
    if (x > 0 && x + width > widthPx) {
      x = 0;
      y += lineHeight + GAP_PX;
      lineHeight = 0;
    }
    blocks.push({ ...group, x, y, columns });
    lineHeight = Math.max(lineHeight, WALL_LABEL_PX + rows * cellPx);
    x += width + GAP_PX;
  }
  return { cellPx, heightPx: y + lineHeight, blocks };
}

/** Large groups are laid wide: a thousand machines in a square would leave the rest of the wall empty. */
function squareness(count: number): number {
  return count > 200 ? 3 : 1;
}
