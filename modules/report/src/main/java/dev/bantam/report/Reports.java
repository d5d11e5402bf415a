package dev.bantam.report;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Writes reports of one or more runs. */
public final class Reports {
  private static final String CHARTS = "charts";

  private Reports() {}

  /**
   * Writes {@code results.csv}, {@code summary.csv}, {@code report.md}, {@code report.html} and
   * {@code charts/} into a folder. Each file is replaced at once; charts that no longer belong are
   * deleted; nothing else is touched. The same runs give the same bytes, except for PNG charts on
   * machines with other fonts.
   *
   * <p>Where this Java installation has no fonts the PNG charts are left out, with a note in the
   * report; SVG charts do not need any.
   *
   * @throws BantamException (bad input) if the runs hold no finished cell or contradict each other
   */
  public static Report.Written write(List<RunFolder> runs, Path target, ReportContext context) {
    return write(Report.of(runs, context), target, ChartFonts.pictureProblem());
  }

  static Report.Written write(Report report, Path target, Optional<String> pictureProblem) {
    final List<String> notes = new ArrayList<>(report.notes());
    pictureProblem.ifPresent(
        problem ->
            notes.add(
                "There are no PNG charts, because this Java installation cannot draw text ("
                    + problem
                    + "). Install fontconfig and a font to get them; the SVG charts are"
                    + " complete."));
    final OutputFolder out = new OutputFolder(target);
    out.write("results.csv", Csv.results(report.cells()));
    out.write("summary.csv", Csv.summary(report.summary().rows()));
    final List<PageSection> sections = new ArrayList<>();
    final List<String> prefixes = Section.prefixes(report.sections());
    for (int i = 0; i < report.sections().size(); i++) {
      sections.add(
          section(out, report.sections().get(i), prefixes.get(i), pictureProblem.isEmpty()));
    }
    final Page page = new Page(report, sections, notes);
    out.write("report.md", page.markdown());
    out.write("report.html", page.html());
    out.deleteOtherPictures(CHARTS);
    return new Report.Written(target, out.written(), report.summary().rows(), notes);
  }

  private static PageSection section(
      OutputFolder out, Section section, String prefix, boolean pictures) {
    final List<PageSection.Drawn> drawn = new ArrayList<>();
    for (ChartSpec chart : section.charts()) {
      final String name = prefix + chart.name();
      final String file = CHARTS + "/" + name;
      final String svg =
          ChartRenderer.svg(chart, name.replace('.', '_'), chart.title() + ", " + section.title());
      out.write(file + ".svg", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + svg + "\n");
      if (pictures) {
        out.write(file + ".png", ChartRenderer.png(chart));
      }
      drawn.add(new PageSection.Drawn(chart, svg, file + (pictures ? ".png" : ".svg")));
    }
    return new PageSection(section, drawn);
  }

  /**
   * Writes the committed report of finished runs into {@code reportsFolder/name}: what {@link
   * #write} writes, and {@code manifest.json} with the commit and the hash of the resolved
   * experiment (one entry per run under {@code runs} if there are several).
   *
   * @param runFolders folders of the runs to join, at least one
   * @param name of the report, a plain folder name
   * @param context with the commit, unless the manifests name it
   * @throws BantamException (bad input) listing everything that stands against publishing: smoke or
   *     limited runs, cells without a result, failed cells, recoveries that are not known, no
   *     commit
   */
  public static Report.Written publish(
      List<Path> runFolders, Path reportsFolder, String name, ReportContext context) {
    final List<RunFolder> runs = runFolders.stream().map(RunFolder::read).toList();
    final Publication publication = new Publication(runs, name, context);
    final Report report = publication.checked();
    final Path target = reportsFolder.resolve(name);
    if (Files.isDirectory(target)) {
      AtomicFiles.deleteTemporaries(target); // of a publication that was killed
    }
    final Report.Written written = write(report, target, ChartFonts.pictureProblem());
    final OutputFolder out = new OutputFolder(target);
    out.write(RunFolder.MANIFEST, Json.text(publication.manifest()));
    final List<String> files = new ArrayList<>(written.files());
    files.addAll(out.written());
    return new Report.Written(target, files, written.rows(), written.notes());
  }
}
