package dev.bantam.report;

import java.util.List;
import org.jfree.chart.JFreeChart;

/** A chart before it is drawn, with all that stands beside it for readers who cannot see it. */
interface ChartSpec {
  /** Name of its files without ending; unique within the section. */
  String name();

  String title();

  /** What the chart shows, in one or two sentences with numbers. */
  String alternative();

  /** Column heads of the numbers behind the chart. */
  List<String> columns();

  /** The numbers behind the chart, one row per mark. */
  List<List<String>> table();

  int width();

  int height();

  JFreeChart draw(ChartFonts fonts);
}
