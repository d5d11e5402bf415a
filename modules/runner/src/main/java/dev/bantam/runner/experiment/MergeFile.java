package dev.bantam.runner.experiment;

import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.MergeRecipe;
import dev.bantam.deltamerging.MergeSources;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;

/**
 * A merge file: mergekit's configuration language, read strictly.
 *
 * @param recipe what to do
 * @param sources where the models are
 */
public record MergeFile(MergeRecipe recipe, MergeSources sources) {
  /**
   * Reads a merge file.
   *
   * @throws BantamException with BAD_INPUT if it cannot be read, with BAD_FILE and every problem in
   *     it if it is wrong
   */
  public static MergeFile read(Path file) {
    final Path folder = file.toAbsolutePath().getParent();
    return parse(file.toString(), FileBytes.read(file, "merge file"), folder);
  }

  /**
   * As {@link #read}, from bytes.
   *
   * @param fileName what messages call the file
   * @param folder where relative paths start
   */
  public static MergeFile parse(String fileName, byte[] bytes, Path folder) {
    final Problems problems = new Problems(fileName);
    final Yaml root = YamlComposer.compose(bytes, problems);
    if (!(root instanceof Yaml.Mapping mapping)) {
      throw problems.fatal(
          root.at(),
          "a merge file must be a mapping, but is " + root.describe(),
          "Begin it with a line such as 'merge_method: " + MergeMethod.DARE_TIES.word() + "'.");
    }
    return new MergeFileReader(mapping, problems, folder).read();
  }
}
