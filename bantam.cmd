@echo off
rem UNTESTED: written after the POSIX script bantam beside it, and never run on Windows so far.
rem Unlike that script it takes no lock, so start the first build once; and Windows does not let a
rem build replace jars that a running process holds.
setlocal EnableExtensions DisableDelayedExpansion
set "ROOT=%~dp0"
set "ROOT=%ROOT:~0,-1%"
set "STATE=%ROOT%\target\bantam"
set "MODULE=runner"
set ARGUMENTS=%*
if not "%~1"=="bench" goto chosen
rem The benchmarks: a class path and a state of their own; shift does not change the arguments as a whole.
set "STATE=%STATE%\bench"
set "MODULE=benchmarks"
set "ARGUMENTS="
for /f "tokens=1,*" %%a in ("%*") do set ARGUMENTS=%%b
:chosen
set "MAIN_CLASS=dev.bantam.%MODULE%.Main"

if defined JAVA_HOME (set "JAVA=%JAVA_HOME%\bin\java.exe") else (set "JAVA=java")
set "FEATURE="
for /f "tokens=3" %%v in ('""%JAVA%" -version 2^>^&1 ^| findstr /c:"version""') do (
  if not defined FEATURE for /f "delims=.-+" %%f in ("%%~v") do set "FEATURE=%%f"
)
if not defined FEATURE (
  echo bantam: Java was not found. Install a JDK, 17 or later, or set JAVA_HOME to one. 1>&2
  exit /b 4
)
if %FEATURE% LSS 17 (
  echo bantam: %JAVA% is Java %FEATURE%, and Bantam needs 17 or later. 1>&2
  exit /b 4
)

powershell -NoProfile -Command "$s = Get-Item -ErrorAction SilentlyContinue -LiteralPath ($env:STATE + '\stamp'); if (-not $s -or -not (Test-Path -LiteralPath ($env:STATE + '\arguments'))) { exit 1 }; $m = $env:ROOT + '\modules'; $p = @($env:ROOT + '\pom.xml') + (Get-ChildItem -LiteralPath $m -Directory | Where-Object { $_.Name -ne 'benchmarks' -or $env:MODULE -eq 'benchmarks' } | ForEach-Object { ($_.FullName + '\pom.xml'), ($_.FullName + '\src\main') } | Where-Object { Test-Path -LiteralPath $_ }); $n = Get-ChildItem -LiteralPath $p -Recurse | Where-Object { $_.LastWriteTime -gt $s.LastWriteTime } | Select-Object -First 1; if ($n) { exit 1 }"
if not errorlevel 1 goto start

where mvn >nul 2>nul
if errorlevel 1 (set "MAVEN=%ROOT%\mvnw.cmd") else (set "MAVEN=mvn")
if not exist "%STATE%" mkdir "%STATE%"
type nul >"%STATE%\stamp.new"
pushd "%ROOT%"
call "%MAVEN%" -B -ntp -DskipTests -P-strict,product -pl modules/%MODULE% -am package 1>&2
set "BUILT=%ERRORLEVEL%"
popd
if not "%BUILT%"=="0" (
  echo bantam: the build failed; Maven's messages above say why. 1>&2
  exit /b 1
)
rem An argument file, since a class path may be longer than a command line.
powershell -NoProfile -Command "$t = $env:ROOT + '\modules\' + $env:MODULE + '\target\product\'; $c = $t + 'bantam-' + $env:MODULE + '.jar;' + (Get-Content -Raw -LiteralPath ($t + 'classpath')).Trim(); [IO.File]::WriteAllText($env:STATE + '\arguments', '-cp \"' + $c.Replace('\', '/') + '\"')"
if errorlevel 1 exit /b 4
move /y "%STATE%\stamp.new" "%STATE%\stamp" >nul

:start
set "FLAGS=-XX:MaxRAMPercentage=25 -XX:+UseParallelGC -XX:MaxNewSize=64m -XX:GCTimeRatio=4 -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=30"
if %FEATURE% GEQ 22 set "FLAGS=%FLAGS% --enable-native-access=ALL-UNNAMED"
if %FEATURE% GEQ 23 set "FLAGS=%FLAGS% --sun-misc-unsafe-memory-access=allow"
"%JAVA%" --add-modules jdk.incubator.vector %FLAGS% %BANTAM_JAVA_OPTS% "@%STATE%\arguments" %MAIN_CLASS% %ARGUMENTS%
exit /b %ERRORLEVEL%
