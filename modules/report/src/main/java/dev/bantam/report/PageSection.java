package dev.bantam.report;

import java.util.List;

/**
 * A section with its drawn charts.
 *
 * @param charts in the order of the page
 */
record PageSection(Section section, List<Drawn> charts) {
  /**
   * A chart after drawing.
   *
   * @param svg an {@code svg} element
   * @param image the picture for pages that cannot hold SVG, relative to the report
   */
  record Drawn(ChartSpec chart, String svg, String image) {}

  PageSection {
    charts = List.copyOf(charts);
  }
}
